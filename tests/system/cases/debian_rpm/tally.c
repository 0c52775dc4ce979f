// tally [FILE...]: the words of the files, or of the standard input, with their numbers.
#include <math.h>
#include <stdio.h>
#include <string.h>

int tally_version(void);
void tally_stream(FILE* in);
void tally_print(void);

int main(int argc, char** argv) {
    if (argc > 1 && !strcmp(argv[1], "--version"))
        return printf("%s %d %.3f\n", argv[0], tally_version(), pow(tally_version() + argc, 0.5)),
               0;
    for (int i = 1; i < argc; i++) {
        FILE* in = fopen(argv[i], "r");
        if (!in) return perror(argv[i]), 1;
        tally_stream(in);
        fclose(in);
    }
    if (argc == 1) tally_stream(stdin);
    tally_print();
    return 0;
}

// Words of a stream, counted by as many threads as there are, in a tree.
#include <ctype.h>
#include <pthread.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct word {
    char text[64];
    long count;
};
static void* tree;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int order(const void* a, const void* b) {
    return strcmp(((const struct word*)a)->text, ((const struct word*)b)->text);
}

static void* count(void* line) {
    char* rest = NULL;
    for (char* w = strtok_r(line, " \t\n", &rest); w; w = strtok_r(NULL, " \t\n", &rest)) {
        struct word* fresh = calloc(1, sizeof(*fresh));
        snprintf(fresh->text, sizeof(fresh->text), "%s", w);
        pthread_mutex_lock(&lock);
        struct word* known = *(struct word**)tsearch(fresh, &tree, order);
        known->count++;
        pthread_mutex_unlock(&lock);
        if (known != fresh) free(fresh);
    }
    free(line);
    return NULL;
}

int tally_version(void) {
    return VERSION;
}

void tally_stream(FILE* in) {
    pthread_t threads[8];
    int n = 0;
    char* line = NULL;
    size_t size = 0;
    while (getline(&line, &size, in) > 0) {
        if (n == 8)
            while (n > 0) pthread_join(threads[--n], NULL);
        pthread_create(&threads[n++], NULL, count, strdup(line));
    }
    while (n > 0) pthread_join(threads[--n], NULL);
    free(line);
}

static void show(const void* node, VISIT when, int depth) {
    const struct word* w = *(const struct word* const*)node;
    if (when == postorder || when == leaf) printf("%ld %s\n", w->count, w->text);
}

void tally_print(void) {
    twalk(tree, show);
}

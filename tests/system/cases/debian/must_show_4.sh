set -e
mkdir -p /tmp/cc; cd /tmp/cc
cat >t.c <<"X"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static __thread long mine;
static long total;
static int done;
static void* work(void* a) {
    mine = (long)a;
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 10000; i++) {
        pthread_mutex_lock(&mutex);
        total += mine;
        pthread_mutex_unlock(&mutex);
    }
    pthread_mutex_lock(&mutex);
    done++;
    pthread_cond_signal(&all);
    pthread_mutex_unlock(&mutex);
    return (void*)(mine * mine);
}
int main(void) {
    pthread_t t[8];
    pthread_barrier_init(&barrier, 0, 8);
    for (long i = 0; i < 8; i++)
        if (pthread_create(&t[i], 0, work, (void*)(i + 1))) abort();
    pthread_mutex_lock(&mutex);
    while (done < 8) pthread_cond_wait(&all, &mutex);
    pthread_mutex_unlock(&mutex);
    long squares = 0;
    for (int i = 0; i < 8; i++) {
        void* r;
        pthread_join(t[i], &r);
        squares += (long)r;
    }
    printf("total %ld, squares %ld\n", total, squares);
    return 3;
}
X
printf 't: t.o\n\t$(CC) -pthread -o $@ $^\nt.o: t.c\n\t$(CC) -O2 -Wall -c -o $@ $<\n' >Makefile
make; ./t || echo "status $?"
make; touch -d '+1 minute' t.c; make -n
gcc -static -O2 -pthread -o ts t.c; ./ts || echo "status $?"
sha256sum t t.o ts
echo 'int main( { return 0 }' >bad.c; gcc -c bad.c || echo "status $?"
gcc -o t2 t.o nosuch.o || echo "status $?"
cd /; rm -r /tmp/cc

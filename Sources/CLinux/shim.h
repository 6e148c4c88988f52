// What Swift's Glibc module lacks: headers it does not include, and functions that Glibc declares only for _GNU_SOURCE, which must
// not be defined here (it changes types that the Glibc module has already seen).
#ifndef CLINUX_SHIM_H
#define CLINUX_SHIM_H

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

extern int accept4(int, struct sockaddr *, socklen_t *, int);
extern int pipe2(int ends[2], int flags);
extern int pthread_setname_np(pthread_t, const char *);

static inline int clinux_accept(int listener, struct sockaddr *address, socklen_t *length) {
    return accept4(listener, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static inline int clinux_pipe(int ends[2]) {
    return pipe2(ends, O_CLOEXEC);
}

static inline void clinux_name_this_thread(const char *name) {
    pthread_setname_np(pthread_self(), name);
}

// Swift cannot refer to stdout, a variable. Returns the error of anything that was printed, or 0.
static inline int clinux_flush_output(void) {
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout)) return 0;
    return errno != 0 ? errno : EIO;
}

// CPU_COUNT is behind _GNU_SOURCE: the mask is counted by hand. 1024 processors at most.
extern int sched_getaffinity(int, unsigned long, void *);

static inline int clinux_processors(void) {
    unsigned long mask[16] = {0};
    int count = 0;
    if (sched_getaffinity(0, sizeof mask, mask) != 0) return 1;
    for (int word = 0; word < 16; word++) count += __builtin_popcountl(mask[word]);
    return count;
}

#endif

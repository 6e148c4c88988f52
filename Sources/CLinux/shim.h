// What Swift's Glibc module lacks: headers it does not include, and macros it cannot import.
#ifndef CLINUX_SHIM_H
#define CLINUX_SHIM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

// accept4 is behind _GNU_SOURCE, which the importer may not define before the first include of <sys/socket.h>.
extern int accept4(int, struct sockaddr *, socklen_t *, int);

static inline int clinux_accept(int listener, struct sockaddr *address, socklen_t *length) {
    return accept4(listener, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

#endif

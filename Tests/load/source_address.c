/* Preloaded into a process: its TCP connections to loopback come from the address in SOURCE_ADDRESS, as those of a pod
 * come from the pod's. So a server sees which of many processes on one host has connected. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

int connect(int descriptor, const struct sockaddr *target, socklen_t length) {
    static int (*original)(int, const struct sockaddr *, socklen_t);
    if (!original) original = (int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "connect");
    const char *text = getenv("SOURCE_ADDRESS");
    if (text && target->sa_family == AF_INET && (ntohl(((const struct sockaddr_in *)target)->sin_addr.s_addr) >> 24) == 127) {
        struct sockaddr_in source = {.sin_family = AF_INET};
        int later = 1;
        inet_pton(AF_INET, text, &source.sin_addr);
        setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &later, sizeof later);
        bind(descriptor, (struct sockaddr *)&source, sizeof source);
    }
    return original(descriptor, target, length);
}

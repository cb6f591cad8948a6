/* What the load generator and the bare broadcaster share: sockets, RFC 6455 frame headers, the clock. */

#ifndef PARLEY_BENCH_WIRE_H
#define PARLEY_BENCH_WIRE_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* RFC 6455's own example: one key for all handshakes, so that nobody here needs SHA-1. */
#define WS_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define WS_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

enum { WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };

static inline void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

/* The clock of Python's time.monotonic_ns(). */
static inline int64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static inline double cpu_s(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static inline void *must_have(void *memory) {
    if (!memory) die("out of memory");
    return memory;
}

/* As many open files as the machine lets us have. */
static inline void raise_file_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static inline void set_non_blocking(int fd) {
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static inline void set_no_delay(int fd) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* The kernel puts an acknowledgement off where both sides have talked, until the second of two frames: then it is the
   server's send that pays for it, which on a network it never does. To be said again after each time we talk. */
static inline void acknowledge_at_once(int fd) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

/* What is not read is not kept here, or as little of it as the kernel allows. To be set before connecting. */
static inline void set_small_buffer(int fd) {
    int bytes = 2048;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

/* Sends everything, waiting where the kernel's buffer is full. 0: the connection is gone. */
static inline int send_all(int fd, const char *data, size_t length) {
    while (length) {
        ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);
        if (sent >= 0) {
            data += sent;
            length -= (size_t)sent;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            struct pollfd writable = {.fd = fd, .events = POLLOUT};
            poll(&writable, 1, 1000);
        } else if (errno != EINTR) {
            return 0;
        }
    }
    return 1;
}

/* Writes the header of a final frame, at most 14 bytes; returns its length. A client's mask is zero: it must be there, and
   the payload stays as it is. */
static inline size_t frame_header(char *out, int opcode, size_t length, int masked) {
    size_t at = 0;
    int mask_bit = masked ? 0x80 : 0;
    out[at++] = (char)(0x80 | opcode);
    if (length < 126) {
        out[at++] = (char)(mask_bit | (int)length);
    } else if (length < 65536) {
        out[at++] = (char)(mask_bit | 126);
        out[at++] = (char)(length >> 8);
        out[at++] = (char)length;
    } else {
        out[at++] = (char)(mask_bit | 127);
        for (int shift = 56; shift >= 0; shift -= 8) out[at++] = (char)(length >> shift);
    }
    if (masked) {
        memset(out + at, 0, 4);
        at += 4;
    }
    return at;
}

#endif

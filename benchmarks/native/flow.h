/* Events on their way: from a publisher, through the server, to the connections; and whether each has all, in order.

   The publisher is another process: it reads "FIRST COUNT\n" from a pipe and writes into a shared file, for each number,
   when its publication began and when there was nothing left to do but to tell the server. A message carries its number as
   ~0000000001~. With S streams, connection i follows the stream i % S, and number n goes into the stream n % S.

   A publisher may have events ready, in blocks of `ahead`: they are in the server's log before they are asked for, and a
   server that looks there by itself may send them before. These are checked like all others, and their times do not count. */

#ifndef PARLEY_BENCH_FLOW_H
#define PARLEY_BENCH_FLOW_H

#include "clients.h"

#include <sys/mman.h>
#include <sys/timerfd.h>

enum { SLOTS = 1 << 16, RECENT = 4096, DIGITS = 10 };
static const uint32_t DONE = UINT32_MAX;

typedef struct {
    int64_t began_ns, told_ns;
} Times;

static struct {
    int publish_fd;
    volatile Times *times;
    uint32_t arrived[SLOTS]; /* how many connections have it; DONE when all do, or it is given up */
    uint32_t published;      /* the highest number asked for */
    uint32_t ahead;          /* numbers are made ready so many at a time; 1: none before it is asked for */
    uint32_t done;           /* how many of these are DONE */
    uint32_t measured_from;  /* the first number that counts */
    unsigned streams;
    unsigned *members; /* of each stream: those that are live */
    unsigned watched;  /* the connections before this one are those whose times count */
    uint64_t received, early, gaps, missed, repeats;
    int64_t last_receipt_ns;
    Histogram from_told, from_began;
    int is_measuring;
} flow;

/* The highest number that may come. */
static uint32_t ready(uint32_t published) {
    return (published + flow.ahead - 1) / flow.ahead * flow.ahead;
}

static void publish(uint32_t count) {
    char request[48];
    for (uint32_t seq = ready(flow.published) + 1; seq <= ready(flow.published + count); seq++)
        flow.arrived[seq % SLOTS] = 0;
    int length = snprintf(request, sizeof request, "%u %u\n", flow.published + 1, count);
    flow.published += count;
    if (write(flow.publish_fd, request, (size_t)length) != length) die("the publisher has ended");
}

static void settle(uint32_t seq) {
    if (flow.arrived[seq % SLOTS] == DONE) return;
    flow.arrived[seq % SLOTS] = DONE;
    flow.done++;
}

static uint32_t recent(void) {
    return flow.published > RECENT ? flow.published - RECENT : 1;
}

/* The number that this client is to be sent next. */
static uint32_t next_for(const Client *client) {
    unsigned stream = client->index % flow.streams;
    if (client->last) return client->last + flow.streams;
    return stream ? stream : flow.streams;
}

static void note_arrival(Client *client, uint32_t seq, int64_t at_ns) {
    if (!seq || seq > ready(flow.published)) die("event %u came, but only %u were published", seq, flow.published);
    flow.last_receipt_ns = at_ns;
    if (seq <= client->last) {
        flow.repeats++;
        return;
    }
    uint32_t next = next_for(client);
    if (seq != next) {
        flow.gaps++;
        flow.missed += seq > next ? (seq - next) / flow.streams : 0;
    }
    client->last = seq;
    if (!flow.is_measuring || seq < flow.measured_from) {
        /* warming up */
    } else if (seq > flow.published) {
        flow.early++;
    } else {
        volatile Times *times = &flow.times[seq % SLOTS];
        flow.received++;
        if (client->index < flow.watched && client->state == LIVE) {
            histogram_add(&flow.from_told, at_ns - times->told_ns);
            histogram_add(&flow.from_began, at_ns - times->began_ns);
        }
    }
    uint32_t *arrived = &flow.arrived[seq % SLOTS];
    if (*arrived != DONE && ++*arrived == flow.members[seq % flow.streams]) settle(seq);
}

/* Where the number stood in the last message, and how far apart two were: it is there again, nearly always. */
static size_t usual_place, usual_distance;

static int number_at(const char *text, size_t length, size_t at, uint32_t *seq) {
    if (at + DIGITS + 2 > length || text[at] != '~' || text[at + DIGITS + 1] != '~') return 0;
    uint32_t value = 0;
    for (size_t i = at + 1; i <= at + DIGITS; i++) {
        unsigned digit = (unsigned char)text[i] - '0';
        if (digit > 9) return 0;
        value = value * 10 + digit;
    }
    *seq = value;
    return 1;
}

static int next_number(const char *text, size_t length, size_t from, size_t guess, size_t *at, uint32_t *seq) {
    if (number_at(text, length, guess, seq)) {
        *at = guess;
        return 1;
    }
    for (const char *found; from < length && (found = memchr(text + from, '~', length - from));) {
        *at = (size_t)(found - text);
        if (number_at(text, length, *at, seq)) return 1;
        from = *at + 1;
    }
    return 0;
}

static void take_events(Client *client, const char *text, size_t length, int64_t at_ns) {
    size_t at = 0, from = 0, guess = usual_place;
    uint32_t seq;
    while (next_number(text, length, from, guess, &at, &seq)) {
        if (from)
            usual_distance = at - (from - DIGITS - 2);
        else
            usual_place = at;
        note_arrival(client, seq, at_ns);
        from = at + DIGITS + 2;
        guess = usual_distance ? at + usual_distance : length;
    }
}

/* An event is complete when all connections that are left have it. */
static void forget_lost(Client *client) {
    unsigned stream = client->index % flow.streams, members = --flow.members[stream];
    for (uint32_t seq = recent(); seq <= flow.published; seq++) {
        uint32_t *arrived = &flow.arrived[seq % SLOTS];
        if (*arrived == DONE || seq % flow.streams != stream) continue;
        if (seq <= client->last)
            --*arrived;
        else if (*arrived == members)
            settle(seq);
    }
}

static void join_stream(Client *client) {
    flow.members[client->index % flow.streams]++;
}

/* To be called before anybody is opened. */
static void begin_flow(int publish_fd, const char *times_name, unsigned streams) {
    int times_fd = open(times_name, O_RDWR);
    flow.publish_fd = publish_fd;
    flow.times = mmap(NULL, SLOTS * sizeof(Times), PROT_READ, MAP_SHARED, times_fd, 0);
    if (flow.times == MAP_FAILED) die("%s: %s", times_name, strerror(errno));
    flow.streams = streams;
    flow.ahead = 1;
    flow.members = must_have(calloc(streams, sizeof *flow.members));
    flow.watched = clients.count;
    on_live = join_stream;
    on_lost = forget_lost;
}

/* Whoever runs us looks at the server's processor time between this line and the result. */
static void announce_measuring(void) {
    puts("{}");
    fflush(stdout);
}

static void begin_measuring(void) {
    announce_measuring();
    clients.bytes = clients.messages = 0;
    flow.is_measuring = 1;
    flow.measured_from = flow.published + 1;
}

static void print_opening(double opening_s) {
    printf("{\"connections\":%u,\"live\":%u,\"lost\":%u,\"refused\":%u,\"opening_s\":%.4f,", clients.count, clients.live,
           clients.lost, clients.refused, opening_s);
    histogram_print("opened_us", &clients.opened);
}

static void print_flow(double opening_s, double wall_s, double used_cpu_s) {
    uint32_t published = flow.published + 1 - flow.measured_from;
    uint64_t expected = 0;
    for (uint32_t seq = flow.measured_from; seq <= flow.published; seq++) {
        unsigned stream = seq % flow.streams;
        expected += clients.count / flow.streams + (stream < clients.count % flow.streams);
    }
    print_opening(opening_s);
    printf(",\"published\":%u,\"expected\":%llu,\"received\":%llu,\"gaps\":%llu,\"missed\":%llu,\"repeats\":%llu", published,
           (unsigned long long)(expected - flow.early), (unsigned long long)flow.received,
           (unsigned long long)flow.gaps, (unsigned long long)flow.missed, (unsigned long long)flow.repeats);
    printf(",\"bytes\":%llu,\"wall_s\":%.4f,\"cpu_s\":%.4f,", (unsigned long long)clients.bytes, wall_s, used_cpu_s);
    histogram_print("latency_us", &flow.from_told);
    putchar(',');
    histogram_print("whole_latency_us", &flow.from_began);
}

static int has_stalled(double stall_s) {
    return (double)(now_ns() - flow.last_receipt_ns) > stall_s * 1e9;
}

typedef enum { ARRIVED, STALLED, EARLY } Outcome;

/* Publishes `count` events and waits until every connection has them all, or nothing has come for `stall_s`. */
static Outcome publish_and_wait(uint32_t count, double stall_s) {
    uint32_t first = flow.published + 1;
    publish(count);
    if (flow.done >= flow.published) return EARLY;
    flow.last_receipt_ns = now_ns();
    while (flow.done < flow.published && clients.live) {
        turn(100);
        if (has_stalled(stall_s)) {
            if (!flow.times[first % SLOTS].told_ns) die("the publisher has not published for %.0f s", stall_s);
            for (uint32_t seq = first; seq <= flow.published; seq++) settle(seq);
            return STALLED;
        }
    }
    return ARRIVED;
}

/* For `seconds`; one event at a time, unless more are made ready together. */
static void warm_up(uint32_t window, double seconds, double stall_s) {
    int64_t begun = now_ns();
    do publish_and_wait(flow.ahead == 1 ? 1 : window, stall_s);
    while (((double)(now_ns() - begun) < seconds * 1e9 || flow.published % flow.ahead) && clients.live);
}

static int timer_of(double per_second) {
    int timer = timerfd_create(CLOCK_MONOTONIC, 0);
    long interval_ns = (long)(1e9 / per_second);
    struct timespec interval = {.tv_sec = interval_ns / 1000000000, .tv_nsec = interval_ns % 1000000000};
    struct itimerspec schedule = {.it_interval = interval, .it_value = interval};
    if (timerfd_settime(timer, 0, &schedule, NULL)) die("timerfd: %s", strerror(errno));
    be_woken_by(timer);
    return timer;
}

#endif

/* Connections that stay, and what befalls them: the mode `hold`, which is told on standard input what to do.

       open N                         opens more, up to N altogether
       churn N                        N connections come and go; every other one goes without a word
       pace PER_SECOND SECONDS        publishes; ends sooner when anything more comes on standard input
       storm N BEHIND PER_SECOND      those up to N come at once, each BEHIND events late, while it publishes
       stop A B, read A B             the connections from A to before B stop to read, and go on
       again N                        those that were lost come back, each from where it was, or afresh if its script knows that

   Each is answered with a line of JSON when it is done. Whoever is opened says by its script where it stands in the log
   (%o%), so what it missed is counted like what it is sent. */

#ifndef PARLEY_BENCH_DRILL_H
#define PARLEY_BENCH_DRILL_H

#include "flow.h"

#include <sys/ioctl.h>

static struct {
    unsigned parallel;
    double timeout_s, stall_s;
    unsigned next;          /* of `churn`: who comes next */
    int is_polite;          /* of `churn`: how the next one goes */
    uint64_t came;
} drill;

/* A span of time, and what it was like. */
typedef struct {
    int64_t begun_ns;
    double cpu_s;
    uint64_t expected;
} Span;

static Span begin_span(void) {
    clients.bytes = clients.messages = 0;
    flow.received = flow.gaps = flow.missed = flow.repeats = 0;
    memset(&flow.from_told, 0, sizeof flow.from_told);
    memset(&flow.from_began, 0, sizeof flow.from_began);
    memset(&clients.opened, 0, sizeof clients.opened);
    memset(clients.closes, 0, sizeof clients.closes);
    clients.refused = clients.afresh = 0;
    clients.excused = 0;
    return (Span){.begun_ns = now_ns(), .cpu_s = cpu_s()};
}

static void print_span(const Span *span, double opening_s) {
    print_opening(opening_s);
    printf(",\"expected\":%llu,\"received\":%llu,\"gaps\":%llu,\"missed\":%llu,\"repeats\":%llu,\"afresh\":%u",
           (unsigned long long)(span->expected - clients.excused), (unsigned long long)flow.received,
           (unsigned long long)flow.gaps, (unsigned long long)flow.missed, (unsigned long long)flow.repeats,
           clients.afresh);
    printf(",\"bytes\":%llu,\"wall_s\":%.4f,\"cpu_s\":%.4f,\"closes\":{", (unsigned long long)clients.bytes,
           (double)(now_ns() - span->begun_ns) / 1e9, cpu_s() - span->cpu_s);
    const char *comma = "";
    for (unsigned code = 0; code < CODES; code++) {
        if (!clients.closes[code]) continue;
        printf("%s\"%u\":%u", comma, code, clients.closes[code]);
        comma = ",";
    }
    printf("},");
    histogram_print("latency_us", &flow.from_told);
    putchar(',');
    histogram_print("whole_latency_us", &flow.from_began);
}

static int reads(const Client *client) {
    return client->state == LIVE && !client->is_stopped;
}

/* What has been published, and has not come to those who read. */
static uint64_t outstanding(void) {
    uint64_t missing = 0;
    for (unsigned i = 0; i < clients.count; i++)
        if (reads(&clients.all[i])) missing += flow.published - clients.all[i].last;
    return missing;
}

/* Until everybody who reads has everything, or nothing has come for a while. Returns the seconds it took. */
static double catch_up(void) {
    int64_t begun = now_ns();
    flow.last_receipt_ns = begun;
    while (outstanding() && !has_stalled(drill.stall_s)) turn(20);
    return (double)(now_ns() - begun) / 1e9;
}

static int has_input(void) {
    int waiting = 0;
    char ignored[64];
    if (ioctl(STDIN_FILENO, FIONREAD, &waiting) || !waiting) return 0;
    return read(STDIN_FILENO, ignored, sizeof ignored) > 0;
}

static void open_more(unsigned wanted) {
    Span span = begin_span();
    double took_s = open_clients(wanted, drill.parallel, drill.timeout_s);
    print_span(&span, took_s);
    puts("}");
}

/* Coming and going */

static void go_again(Client *client) {
    leave(client, drill.is_polite = !drill.is_polite);
}

static void churn(uint64_t wanted) {
    Span span = begin_span();
    int64_t last_ns = now_ns();
    uint64_t before = clients.left, seen = 0;
    void (*usual)(Client *) = on_live;
    on_live = go_again;
    drill.came = 0;
    while (clients.left - before < wanted) {
        while (drill.came - clients.refused - (clients.left - before) < drill.parallel &&
               drill.came - clients.refused < wanted) {
            while (clients.all[drill.next % clients.count].state != CLOSED) drill.next++;
            open_client(&clients.all[drill.next++ % clients.count]);
            drill.came++;
        }
        turn(100);
        if (clients.refused > wanted) die("the server refuses connections: %s", clients.last_refusal);
        if (clients.left != seen) last_ns = now_ns();
        seen = clients.left;
        if ((double)(now_ns() - last_ns) > drill.stall_s * 1e9)
            die("%llu of %llu connections have come and gone, and then nobody for %.0f s (refused: %u %s)",
                (unsigned long long)(clients.left - before), (unsigned long long)wanted, drill.stall_s, clients.refused,
                clients.last_refusal);
    }
    on_live = usual;
    print_span(&span, (double)(now_ns() - span.begun_ns) / 1e9);
    printf(",\"cycles\":%llu}\n", (unsigned long long)(clients.left - before));
}

/* Events meanwhile */

static void pace(double per_second, double seconds) {
    Span span = begin_span();
    unsigned readers = 0;
    for (unsigned i = 0; i < clients.count; i++) readers += (unsigned)reads(&clients.all[i]);
    flow.is_measuring = 1;
    flow.measured_from = flow.published + 1;
    int timer = timer_of(per_second), enough = 0;
    uint64_t wanted = (uint64_t)(per_second * seconds), asked = 0, ticks;
    while (asked < wanted && !enough) {
        turn(100);
        if (read(timer, &ticks, sizeof ticks) == sizeof ticks)
            for (; ticks && asked < wanted; ticks--, asked++) publish(1);
        enough = has_input();
    }
    close(timer);
    double behind_s = catch_up();
    flow.is_measuring = 0;
    span.expected = (uint64_t)readers * asked;
    print_span(&span, 0);
    printf(",\"published\":%llu,\"behind_s\":%.4f}\n", (unsigned long long)asked, behind_s);
}

static void storm(unsigned wanted, uint32_t behind, double per_second) {
    Span span = begin_span();
    if (behind > flow.published) die("only %u events were published, so nobody can be %u late", flow.published, behind);
    for (unsigned i = 0; i < wanted; i++)
        if (clients.all[i].state == CLOSED) clients.all[i].last = flow.published - behind;
    flow.is_measuring = 1;
    flow.measured_from = flow.published + 1 - behind;
    for (unsigned i = 0; i < wanted; i++) span.expected -= clients.all[i].last;
    int timer = timer_of(per_second);
    uint64_t ticks;
    while (clients.live + clients.lost < wanted) {
        for (clients.next = 0; clients.next < wanted && clients.opening < drill.parallel; clients.next++)
            if (clients.all[clients.next].state == CLOSED) {
                open_client(&clients.all[clients.next]);
                if (clients.opening % OTHERS_AT_ONCE == 0) serve_the_first();
            }
        turn(100);
        if (read(timer, &ticks, sizeof ticks) == sizeof ticks) publish((uint32_t)ticks);
        if ((double)(now_ns() - span.begun_ns) > drill.timeout_s * 1e9)
            die("only %u of %u connections are up after %.0f s (refused: %u %s)", clients.live, wanted, drill.timeout_s,
                clients.refused, clients.last_refusal);
    }
    close(timer);
    double live_s = (double)(now_ns() - span.begun_ns) / 1e9;
    double behind_s = catch_up();
    flow.is_measuring = 0;
    span.expected += (uint64_t)wanted * flow.published;
    print_span(&span, live_s);
    printf(",\"behind_s\":%.4f}\n", behind_s);
}

/* Those who do not read */

static void stop_reading(unsigned from, unsigned to) {
    Span span = begin_span();
    for (unsigned i = from; i < to; i++) {
        if (!reads(&clients.all[i])) continue;
        clients.all[i].is_stopped = 1;
        watch(&clients.all[i], 0, EPOLL_CTL_DEL);
    }
    print_span(&span, 0);
    puts("}");
}

/* They read what is left for them, to the end of the connection if the server has ended it. */
static void go_on_reading(unsigned from, unsigned to) {
    Span span = begin_span();
    for (unsigned i = from; i < to; i++) {
        if (!clients.all[i].is_stopped || clients.all[i].state != LIVE) continue;
        clients.all[i].is_stopped = 0;
        watch(&clients.all[i], EPOLLIN, EPOLL_CTL_ADD);
    }
    catch_up();
    print_span(&span, 0);
    puts("}");
}

static void come_again(unsigned wanted) {
    Span span = begin_span();
    flow.is_measuring = 1;
    flow.measured_from = 1;
    for (unsigned i = 0; i < wanted; i++) {
        Client *client = &clients.all[i];
        if (client->state != GONE) continue;
        client->state = CLOSED;
        clients.lost--;
        span.expected += flow.published - client->last;
    }
    clients.next = 0;
    double took_s = open_clients(wanted, drill.parallel, drill.timeout_s);
    catch_up();
    flow.is_measuring = 0;
    print_span(&span, took_s);
    puts("}");
}

static void follow(const char *line) {
    unsigned a, b;
    double per_second, seconds;
    if (sscanf(line, "open %u", &a) == 1 && a <= clients.count)
        open_more(a);
    else if (sscanf(line, "churn %u", &a) == 1)
        churn(a);
    else if (sscanf(line, "pace %lf %lf", &per_second, &seconds) == 2)
        pace(per_second, seconds);
    else if (sscanf(line, "storm %u %u %lf", &a, &b, &per_second) == 3 && a <= clients.count)
        storm(a, b, per_second);
    else if (sscanf(line, "stop %u %u", &a, &b) == 2 && b <= clients.count)
        stop_reading(a, b);
    else if (sscanf(line, "read %u %u", &a, &b) == 2 && b <= clients.count)
        go_on_reading(a, b);
    else if (sscanf(line, "again %u", &a) == 1 && a <= clients.count)
        come_again(a);
    else
        die("not understood: %s", line);
    fflush(stdout);
}

static void hold(unsigned parallel, double timeout_s, double stall_s, unsigned watched) {
    char lines[256];
    drill.parallel = parallel;
    drill.timeout_s = timeout_s;
    drill.stall_s = stall_s;
    if (flow.times) {
        flow.watched = watched;
        on_message = on_early_message = take_events;
    }
    be_woken_by(STDIN_FILENO);
    for (ssize_t got; (got = read(STDIN_FILENO, lines, sizeof lines - 1));) {
        if (got < 0) {
            turn(100);
            continue;
        }
        lines[got] = 0;
        char *rest = lines;
        for (char *line; (line = strtok_r(rest, "\n", &rest));) follow(line);
    }
}

#endif

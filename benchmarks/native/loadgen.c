/* The load generator: N WebSocket (or HTTP) connections on one epoll loop, and what they saw, as JSON.

       loadgen fanout|paced|hold|ask name=value …

   All modes:  host, port, connections, script (see clients.h), vars (a file, optional), parallel (handshakes at once),
               timeout (seconds for opening all)
   fanout:     window (events published at once; the next ones follow when all connections have them), seconds, warmup
               (seconds, of one event at a time), stall (seconds without a receipt after which it goes on)
   paced:      per_second (events), seconds, warmup, stall, backlog (it gives up when more events have not arrived)
   hold:       reads "open N" from standard input, answers when N connections are up, keeps them; ends with the input
   ask:        seconds, warmup (seconds); every connection asks again as soon as it is answered

   fanout and paced have a publisher: `publish` is a descriptor where they write "FIRST COUNT\n", and `times` a file that is
   shared with it: for each sequence number (modulo SLOTS) when the publisher began, and when it had only to tell the
   server (for a server with a log: after the commit). A message carries its number as ~0000000001~. */

#define _GNU_SOURCE
#include "clients.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/timerfd.h>

enum { SLOTS = 1 << 16, RECENT = 4096, DIGITS = 10 };
static const uint32_t DONE = UINT32_MAX;

typedef struct {
    int64_t began_ns, told_ns;
} Times;

static const char *setting(int count, char **arguments, const char *name, const char *otherwise) {
    size_t length = strlen(name);
    for (int i = 2; i < count; i++)
        if (!strncmp(arguments[i], name, length) && arguments[i][length] == '=') return arguments[i] + length + 1;
    if (!otherwise) die("%s= is missing", name);
    return otherwise;
}

/* Events on their way */

static struct {
    int publish_fd;
    volatile Times *times;
    uint32_t arrived[SLOTS]; /* how many connections have it; DONE when all do, or it is given up */
    uint32_t published;      /* the highest number asked for */
    uint32_t done;           /* how many of these are DONE */
    uint32_t measured_from;  /* the first number that counts */
    uint64_t received, gaps, missed, repeats;
    int64_t last_receipt_ns;
    Histogram from_told, from_began;
    int is_measuring;
} flow;

static void publish(uint32_t count) {
    char request[48];
    for (uint32_t seq = flow.published + 1; seq <= flow.published + count; seq++) flow.arrived[seq % SLOTS] = 0;
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

static void note_arrival(Client *client, uint32_t seq, int64_t at_ns) {
    if (!seq || seq > flow.published) die("event %u came, but only %u were published", seq, flow.published);
    flow.last_receipt_ns = at_ns;
    if (seq <= client->last) {
        flow.repeats++;
        return;
    }
    if (seq != client->last + 1) {
        flow.gaps++;
        flow.missed += seq - client->last - 1;
    }
    client->last = seq;
    if (flow.is_measuring && seq >= flow.measured_from) {
        volatile Times *times = &flow.times[seq % SLOTS];
        flow.received++;
        histogram_add(&flow.from_told, at_ns - times->told_ns);
        histogram_add(&flow.from_began, at_ns - times->began_ns);
    }
    uint32_t *arrived = &flow.arrived[seq % SLOTS];
    if (*arrived != DONE && ++*arrived == clients.live) settle(seq);
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
    for (uint32_t seq = recent(); seq <= flow.published; seq++) {
        uint32_t *arrived = &flow.arrived[seq % SLOTS];
        if (*arrived == DONE) continue;
        if (seq <= client->last)
            --*arrived;
        else if (*arrived == clients.live)
            settle(seq);
    }
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
    print_opening(opening_s);
    printf(",\"published\":%u,\"expected\":%llu,\"received\":%llu,\"gaps\":%llu,\"missed\":%llu,\"repeats\":%llu", published,
           (unsigned long long)published * clients.count, (unsigned long long)flow.received,
           (unsigned long long)flow.gaps, (unsigned long long)flow.missed, (unsigned long long)flow.repeats);
    printf(",\"bytes\":%llu,\"wall_s\":%.4f,\"cpu_s\":%.4f,", (unsigned long long)clients.bytes, wall_s, used_cpu_s);
    histogram_print("latency_us", &flow.from_told);
    putchar(',');
    histogram_print("whole_latency_us", &flow.from_began);
}

static int has_stalled(double stall_s) {
    return (double)(now_ns() - flow.last_receipt_ns) > stall_s * 1e9;
}

/* Publishes `count` events and waits until every connection has them all, or nothing has come for `stall_s`. */
static int publish_and_wait(uint32_t count, double stall_s) {
    uint32_t first = flow.published + 1;
    publish(count);
    flow.last_receipt_ns = now_ns();
    while (flow.done < flow.published && clients.live) {
        turn(100);
        if (has_stalled(stall_s)) {
            if (!flow.times[first % SLOTS].told_ns) die("the publisher has not published for %.0f s", stall_s);
            for (uint32_t seq = first; seq <= flow.published; seq++) settle(seq);
            return 0;
        }
    }
    return 1;
}

/* One event at a time, at least one, for `seconds`. */
static void warm_up(double seconds, double stall_s) {
    int64_t begun = now_ns();
    do publish_and_wait(1, stall_s);
    while ((double)(now_ns() - begun) < seconds * 1e9 && clients.live);
}

static void fan_out(double opening_s, uint32_t window, double seconds, double warmup_s, double stall_s) {
    warm_up(warmup_s, stall_s);
    begin_measuring();
    static Histogram rounds;
    uint64_t stalls = 0;
    double from_told_s = 0, from_began_s = 0, cpu_before = cpu_s();
    int64_t begun = now_ns();
    do {
        uint32_t first = flow.published + 1;
        if (!publish_and_wait(window, stall_s)) stalls++;
        volatile Times *times = &flow.times[first % SLOTS];
        int64_t took_ns = flow.last_receipt_ns - times->told_ns;
        from_told_s += (double)took_ns / 1e9;
        from_began_s += (double)(flow.last_receipt_ns - times->began_ns) / 1e9;
        histogram_add(&rounds, took_ns);
    } while ((double)(now_ns() - begun) < seconds * 1e9 && clients.live);
    print_flow(opening_s, (double)(now_ns() - begun) / 1e9, cpu_s() - cpu_before);
    printf(",\"rounds\":%llu,\"stalls\":%llu,\"told_s\":%.6f,\"began_s\":%.6f,", (unsigned long long)rounds.total,
           (unsigned long long)stalls, from_told_s, from_began_s);
    histogram_print("round_us", &rounds);
    puts("}");
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

static void paced(double opening_s, double per_second, double seconds, double warmup_s, double stall_s, uint32_t backlog) {
    warm_up(warmup_s, stall_s);
    begin_measuring();
    int timer = timer_of(per_second), keeps_up = 1;
    uint64_t wanted = (uint64_t)(per_second * seconds), asked = 0, ticks;
    double cpu_before = cpu_s();
    int64_t begun = now_ns();
    while (asked < wanted && clients.live && keeps_up) {
        turn(100);
        if (read(timer, &ticks, sizeof ticks) == sizeof ticks)
            for (; ticks && asked < wanted; ticks--, asked++) publish(1);
        keeps_up = flow.published - flow.done <= backlog;
    }
    flow.last_receipt_ns = now_ns();
    while (keeps_up && flow.done < flow.published && clients.live && !has_stalled(stall_s)) turn(100);
    print_flow(opening_s, (double)(now_ns() - begun) / 1e9, cpu_s() - cpu_before);
    printf(",\"keeps_up\":%s}\n", keeps_up ? "true" : "false");
}

static void hold(unsigned parallel, double timeout_s) {
    char line[64];
    be_woken_by(STDIN_FILENO);
    for (ssize_t got; (got = read(STDIN_FILENO, line, sizeof line - 1));) {
        if (got < 0) {
            turn(100);
            continue;
        }
        line[got] = 0;
        unsigned wanted;
        if (sscanf(line, "open %u", &wanted) != 1 || wanted > clients.count) die("not understood: %s", line);
        double cpu_before = cpu_s(), took_s = open_clients(wanted, parallel, timeout_s);
        print_opening(took_s);
        printf(",\"wall_s\":%.4f,\"cpu_s\":%.4f}\n", took_s, cpu_s() - cpu_before);
        fflush(stdout);
    }
}

/* Questions and answers */

static struct {
    Histogram took;
    uint64_t refusals;
    int64_t measured_from_ns;
    char refusal[300];
} asking;

static void ask(Client *client) {
    client->asked++;
    if (letters.next) take_letter(client);
    client->since_ns = now_ns();
    if (!script.is_http) {
        const char *text = filled(script.ask, client);
        say(client, WS_TEXT, text, strlen(text));
        return;
    }
    static char body[MAX_REQUEST], request[MAX_REQUEST * 2], head[MAX_REQUEST];
    size_t length = strlen(strcpy(body, filled(script.ask, client)));
    snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: %s:%d\r\n%s", script.path, clients.host, clients.port,
             script.headers);
    int size = snprintf(request, sizeof request, "%sContent-Length: %zu\r\n\r\n%s", filled(head, client), length, body);
    send_all(client->fd, request, (size_t)size);
}

static void take_answer(Client *client, const char *text, size_t length, int64_t at_ns) {
    const char *wanted = filled(script.answer, client);
    int refused = !memmem(text, length, wanted, strlen(wanted));
    if (refused && !script.is_http && !(script.refuse && memmem(text, length, script.refuse, strlen(script.refuse))))
        return; /* something else that the server says */
    if (refused) {
        if (!asking.refusals++) snprintf(asking.refusal, sizeof asking.refusal, "%.*s", (int)(length < 290 ? length : 290), text);
    } else if (client->since_ns >= asking.measured_from_ns) {
        histogram_add(&asking.took, at_ns - client->since_ns);
    }
    ask(client);
}

static void ask_all(double opening_s, double warmup_s, double seconds) {
    int64_t begun = now_ns();
    asking.measured_from_ns = begun + (int64_t)(warmup_s * 1e9);
    int64_t end_ns = asking.measured_from_ns + (int64_t)(seconds * 1e9);
    double cpu_before = 0;
    for (unsigned i = 0; i < clients.count; i++) ask(&clients.all[i]);
    /* A server that is too slow to answer everybody once gets some more time for that. */
    int64_t last_ns = end_ns + (int64_t)(seconds * 4e9);
    while (now_ns() < (asking.took.total < clients.count ? last_ns : end_ns)) {
        turn(20);
        if (!cpu_before && now_ns() >= asking.measured_from_ns) {
            announce_measuring();
            cpu_before = cpu_s();
        }
    }
    double used_cpu_s = cpu_s() - cpu_before;
    if (!asking.took.total) die("no question was answered in %.0f s. %s", seconds, asking.refusal);
    if (asking.refusals) fprintf(stderr, "refused: %s\n", asking.refusal);
    print_opening(opening_s);
    printf(",\"answered\":%llu,\"refusals\":%llu,\"wall_s\":%.4f,\"cpu_s\":%.4f,", (unsigned long long)asking.took.total,
           (unsigned long long)asking.refusals, (double)(now_ns() - asking.measured_from_ns) / 1e9, used_cpu_s);
    histogram_print("latency_us", &asking.took);
    puts("}");
}

int main(int count, char **arguments) {
    if (count < 2) die("usage: loadgen fanout|paced|hold|ask name=value ...");
#define TEXT(name, otherwise) setting(count, arguments, name, otherwise)
#define NUMBER(name, otherwise) atof(TEXT(name, otherwise))
    const char *mode = arguments[1];
    signal(SIGPIPE, SIG_IGN); /* a publisher that has ended is reported by the write */
    read_script(TEXT("script", NULL));
    make_clients((char *)TEXT("host", "127.0.0.1"), (int)NUMBER("port", NULL), (unsigned)NUMBER("connections", NULL));
    if (*TEXT("vars", "")) read_columns(TEXT("vars", ""));
    if (*TEXT("letters", "")) read_letters(TEXT("letters", ""));
    unsigned parallel = (unsigned)NUMBER("parallel", "32");
    double timeout_s = NUMBER("timeout", "60");
    if (!strcmp(mode, "hold")) {
        hold(parallel, timeout_s);
        return 0;
    }
    double stall_s = NUMBER("stall", "5"), seconds = NUMBER("seconds", "5");
    if (!strcmp(mode, "ask")) {
        double opening_s = open_clients(clients.count, parallel, timeout_s);
        on_message = take_answer;
        ask_all(opening_s, NUMBER("warmup", "1"), seconds);
        return 0;
    }
    flow.publish_fd = (int)NUMBER("publish", NULL);
    int times_fd = open(TEXT("times", NULL), O_RDWR);
    flow.times = mmap(NULL, SLOTS * sizeof(Times), PROT_READ, MAP_SHARED, times_fd, 0);
    if (flow.times == MAP_FAILED) die("%s: %s", TEXT("times", NULL), strerror(errno));
    double opening_s = open_clients(clients.count, parallel, timeout_s);
    on_message = take_events;
    on_lost = forget_lost;
    double warmup_s = NUMBER("warmup", "0.5");
    if (!strcmp(mode, "fanout"))
        fan_out(opening_s, (uint32_t)NUMBER("window", "1"), seconds, warmup_s, stall_s);
    else if (!strcmp(mode, "paced"))
        paced(opening_s, NUMBER("per_second", "25"), seconds, warmup_s, stall_s, (uint32_t)NUMBER("backlog", NULL));
    else
        die("there is no mode %s", mode);
    return 0;
}

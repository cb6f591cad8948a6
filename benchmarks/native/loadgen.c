/* The load generator: N WebSocket (or HTTP) connections on one epoll loop, and what they saw, as JSON.

       loadgen fanout|paced|hold|talk|ask name=value …

   All modes:  host, port, connections, script (see script.h), vars (a file, optional), parallel (handshakes at once),
               timeout (seconds for opening all)
   fanout:     window (events published at once; the next ones follow when all connections have them), ahead (events that the
               publisher makes ready together: a multiple of window), seconds, warmup (seconds), stall (seconds without a
               receipt after which it goes on)
   paced:      per_second (events), seconds, warmup, stall, backlog (it gives up when more events have not arrived)
   hold:       see drill.h; small_from (connections from this one on have the smallest receive buffer), watched (the times of
               those before this one count), first (those before this one are read before all others), base (see
               script.h); with a publisher, or without
   talk:       see talk.h; seconds, warmup, stall
   ask:        seconds, warmup (seconds); every connection asks again as soon as it is answered

   fanout, paced and hold may have a publisher (see flow.h): `publish` is the descriptor, `times` the file; `streams`. */

#define _GNU_SOURCE
#include "drill.h"
#include "flow.h"
#include "talk.h"

#include <signal.h>

static const char *setting(int count, char **arguments, const char *name, const char *otherwise) {
    size_t length = strlen(name);
    for (int i = 2; i < count; i++)
        if (!strncmp(arguments[i], name, length) && arguments[i][length] == '=') return arguments[i] + length + 1;
    if (!otherwise) die("%s= is missing", name);
    return otherwise;
}

static void fan_out(double opening_s, uint32_t window, double seconds, double warmup_s, double stall_s, uint32_t ahead) {
    flow.ahead = ahead;
    warm_up(window, warmup_s, stall_s);
    begin_measuring();
    static Histogram rounds;
    uint64_t stalls = 0;
    double from_told_s = 0, from_began_s = 0, cpu_before = cpu_s();
    int64_t begun = now_ns();
    do {
        uint32_t first = flow.published + 1;
        Outcome outcome = publish_and_wait(window, stall_s);
        if (outcome == EARLY) continue;
        if (outcome == STALLED) stalls++;
        volatile Times *times = &flow.times[first % SLOTS];
        int64_t took_ns = flow.last_receipt_ns - times->told_ns;
        if (took_ns < 0) continue; /* nobody has had anything of it */
        from_told_s += (double)took_ns / 1e9;
        from_began_s += (double)(flow.last_receipt_ns - times->began_ns) / 1e9;
        histogram_add(&rounds, took_ns);
    } while (((double)(now_ns() - begun) < seconds * 1e9 || flow.published % flow.ahead) && clients.live);
    print_flow(opening_s, (double)(now_ns() - begun) / 1e9, cpu_s() - cpu_before);
    printf(",\"rounds\":%llu,\"stalls\":%llu,\"told_s\":%.6f,\"began_s\":%.6f,", (unsigned long long)rounds.total,
           (unsigned long long)stalls, from_told_s, from_began_s);
    histogram_print("round_us", &rounds);
    puts("}");
}

static void paced(double opening_s, double per_second, double seconds, double warmup_s, double stall_s, uint32_t backlog) {
    warm_up(1, warmup_s, stall_s);
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
    if (count < 2) die("usage: loadgen fanout|paced|hold|talk|ask name=value ...");
#define TEXT(name, otherwise) setting(count, arguments, name, otherwise)
#define NUMBER(name, otherwise) atof(TEXT(name, otherwise))
    const char *mode = arguments[1];
    signal(SIGPIPE, SIG_IGN); /* a publisher that has ended is reported by the write */
    read_script(TEXT("script", NULL));
    make_clients((char *)TEXT("host", "127.0.0.1"), (int)NUMBER("port", NULL), (unsigned)NUMBER("connections", NULL));
    if (*TEXT("vars", "")) read_columns(TEXT("vars", ""), clients.all, clients.count);
    if (*TEXT("letters", "")) read_letters(TEXT("letters", ""));
    unsigned parallel = (unsigned)NUMBER("parallel", "32");
    double timeout_s = NUMBER("timeout", "60");
    if (*TEXT("publish", ""))
        begin_flow((int)NUMBER("publish", NULL), TEXT("times", NULL), (unsigned)NUMBER("streams", "1"));
    double stall_s = NUMBER("stall", "5"), seconds = NUMBER("seconds", "5"), warmup_s = NUMBER("warmup", "0.5");
    if (!strcmp(mode, "hold")) {
        clients.small_from = (unsigned)NUMBER("small_from", "4294967295");
        script.base = strtoull(TEXT("base", "0"), NULL, 10);
        if (NUMBER("first", "0") > 0) put_first((unsigned)NUMBER("first", NULL));
        hold(parallel, timeout_s, stall_s, (unsigned)NUMBER("watched", "4294967295"));
        return 0;
    }
    double opening_s = open_clients(clients.count, parallel, timeout_s);
    if (!strcmp(mode, "ask")) {
        on_message = take_answer;
        ask_all(opening_s, NUMBER("warmup", "1"), seconds);
    } else if (!strcmp(mode, "talk")) {
        talk(opening_s, NUMBER("warmup", "1"), seconds, stall_s);
    } else if (!strcmp(mode, "fanout")) {
        on_message = take_events;
        fan_out(opening_s, (uint32_t)NUMBER("window", "1"), seconds, warmup_s, stall_s, (uint32_t)NUMBER("ahead", "1"));
    } else if (!strcmp(mode, "paced")) {
        on_message = take_events;
        paced(opening_s, NUMBER("per_second", "25"), seconds, warmup_s, stall_s, (uint32_t)NUMBER("backlog", NULL));
    } else {
        die("there is no mode %s", mode);
    }
    return 0;
}

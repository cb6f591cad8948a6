/* Threads of two, all talking at once: the mode `talk`.

   Connection i and connection i + half talk with each other. One says a message with the number 1 in it, the other answers it
   with number 2 when it hears it, and so on; both hear everything, their own messages too. */

#ifndef PARLEY_BENCH_TALK_H
#define PARLEY_BENCH_TALK_H

#include "flow.h"

static struct {
    Histogram took;
    uint64_t said, heard, refusals;
    int64_t measured_from_ns, said_until_ns;
    char refusal[300];
} talking;

static void say_next(Client *client, uint32_t number) {
    client->said = number;
    client->asked++;
    client->since_ns = now_ns();
    talking.said++;
    const char *text = filled(script.ask, client);
    say(client, WS_TEXT, text, strlen(text));
}

static void hear(Client *client, const char *text, size_t length, int64_t at_ns) {
    if (script.hear && !memmem(text, length, script.hear, strlen(script.hear))) {
        if (script.refuse && memmem(text, length, script.refuse, strlen(script.refuse)) && !talking.refusals++)
            snprintf(talking.refusal, sizeof talking.refusal, "%.*s", (int)(length < 290 ? length : 290), text);
        return;
    }
    size_t at = 0;
    uint32_t number;
    if (!next_number(text, length, 0, usual_place, &at, &number)) return;
    usual_place = at;
    flow.last_receipt_ns = at_ns;
    if (number <= client->last) {
        flow.repeats++;
        return;
    }
    if (number != client->last + 1) {
        flow.gaps++;
        flow.missed += number - client->last - 1;
    }
    client->last = number;
    talking.heard++;
    unsigned half = clients.count / 2, is_first = client->index < half;
    if ((number % 2 == 1) == (int)is_first) return; /* its own */
    Client *partner = &clients.all[(client->index + half) % clients.count];
    if (partner->since_ns >= talking.measured_from_ns) histogram_add(&talking.took, at_ns - partner->since_ns);
    if (at_ns < talking.said_until_ns) say_next(client, number + 1);
}

static void talk(double opening_s, double warmup_s, double seconds, double stall_s) {
    if (clients.count % 2) die("two are needed for each thread");
    on_message = hear;
    int64_t begun = now_ns();
    talking.measured_from_ns = begun + (int64_t)(warmup_s * 1e9);
    talking.said_until_ns = talking.measured_from_ns + (int64_t)(seconds * 1e9);
    for (unsigned i = 0; i < clients.count / 2; i++) say_next(&clients.all[i], 1);
    while (now_ns() < talking.measured_from_ns) turn(20);
    announce_measuring();
    uint64_t heard_before = talking.heard, bytes_before = clients.bytes;
    double cpu_before = cpu_s();
    while (now_ns() < talking.said_until_ns) turn(20);
    double wall_s = (double)(now_ns() - talking.measured_from_ns) / 1e9, used_cpu_s = cpu_s() - cpu_before;
    uint64_t heard = talking.heard - heard_before, bytes = clients.bytes - bytes_before;
    /* Nobody answers any more: what is on its way comes. */
    flow.last_receipt_ns = now_ns();
    while (talking.heard < 2 * talking.said && clients.live && !has_stalled(stall_s)) turn(20);
    if (!heard) die("nobody has heard anything in %.0f s. %s", seconds, talking.refusal);
    if (talking.refusals) fprintf(stderr, "refused: %s\n", talking.refusal);
    print_opening(opening_s);
    printf(",\"heard\":%llu,\"expected\":%llu,\"received\":%llu,\"gaps\":%llu,\"missed\":%llu,\"repeats\":%llu",
           (unsigned long long)heard, 2 * (unsigned long long)talking.said, (unsigned long long)talking.heard,
           (unsigned long long)flow.gaps, (unsigned long long)flow.missed, (unsigned long long)flow.repeats);
    printf(",\"refusals\":%llu,\"bytes\":%llu,\"wall_s\":%.4f,\"cpu_s\":%.4f,", (unsigned long long)talking.refusals,
           (unsigned long long)bytes, wall_s, used_cpu_s);
    histogram_print("latency_us", &talking.took);
    puts("}");
}

#endif

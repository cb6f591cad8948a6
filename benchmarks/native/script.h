/* What a client says and hears: a script, filled in for each client.

   A script is a text file of lines `word value`; in values \n, \r and \\ are escapes, and these are filled in: %i% (the
   connection), %n% (how often it has asked), %m% (the number of what it says, ten digits), %o% (where it stands in a log:
   the number that came last, plus the setting `base`), and %1% … %9% (its columns in the file `vars`, or those of the next
   line of the file `letters`, of which every question takes one):

       path /connection/websocket          header Origin: http://127.0.0.1:8000
       send TEXT, expect TEXT              what to say after the handshake, and what must come before the next step
       refuse TEXT                         a message with this in it ends the run: the server does not want us
       afresh TEXT, offset TEXT            a message with the first in it, instead of what a step expects: what was missed is
                                           not to be had, and the number after the second is where it stands now
       ping TEXT, pong TEXT                a message that is exactly this is answered
       ask TEXT, answer TEXT               a question to repeat, and what its answer contains
       hear TEXT                           what somebody said has this in it (`talk`); all messages, without it
       http                                no WebSockets: `ask` is the body of a POST to `path`
*/

#ifndef PARLEY_BENCH_SCRIPT_H
#define PARLEY_BENCH_SCRIPT_H

#include "histogram.h"
#include "wire.h"

enum { MAX_STEPS = 16, MAX_COLUMNS = 9, MAX_REQUEST = 16384 };

typedef enum { CLOSED, CONNECTING, SHAKING, SCRIPTED, LIVE, GONE, LEAVING } State;

typedef struct {
    int fd, step, is_stopped; /* stopped: it does not read */
    unsigned index;
    State state;
    uint32_t last;       /* sequence number that came last */
    uint32_t begun_after; /* the number that came before what it has been sent since it was opened */
    uint64_t asked;      /* questions so far */
    uint32_t said;       /* the number of what it says */
    int64_t since_ns;    /* when it was opened, or asked last */
    char *rest;          /* what has come of a message that is not complete */
    size_t rest_length, rest_room;
    char *columns[MAX_COLUMNS];
} Client;

typedef struct {
    int is_send;
    char *text;
} Step;

static struct {
    char *path, *headers, *refuse, *afresh, *offset, *ping, *pong, *ask, *answer, *hear;
    int is_http, step_count;
    unsigned long long base; /* the position in the server's log before the first event of ours */
    Step steps[MAX_STEPS];
} script;

static char *unescaped(const char *text) {
    char *made = must_have(malloc(strlen(text) + 1)), *to = made;
    for (; *text; text++) {
        if (*text == '\\' && text[1]) {
            text++;
            *to++ = *text == 'n' ? '\n' : *text == 'r' ? '\r' : *text;
        } else {
            *to++ = *text;
        }
    }
    *to = 0;
    return made;
}

static void read_script(const char *name) {
    FILE *file = fopen(name, "r");
    char line[MAX_REQUEST];
    if (!file) die("%s: %s", name, strerror(errno));
    script.headers = must_have(strdup(""));
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        char *space = strchr(line, ' '), *value = unescaped(space ? space + 1 : "");
        if (space) *space = 0;
        if (!strcmp(line, "send") || !strcmp(line, "expect")) {
            if (script.step_count == MAX_STEPS) die("the script has more than %d steps", MAX_STEPS);
            script.steps[script.step_count++] = (Step){.is_send = line[0] == 's', .text = value};
        } else if (!strcmp(line, "header")) {
            script.headers = must_have(realloc(script.headers, strlen(script.headers) + strlen(value) + 3));
            strcat(strcat(script.headers, value), "\r\n");
        } else if (!strcmp(line, "http")) {
            script.is_http = 1;
        } else {
            struct { const char *word; char **place; } words[] = {
                {"path", &script.path},     {"refuse", &script.refuse}, {"afresh", &script.afresh},
                {"offset", &script.offset}, {"ping", &script.ping},     {"pong", &script.pong},
                {"ask", &script.ask},       {"answer", &script.answer}, {"hear", &script.hear}};
            size_t known = sizeof words / sizeof *words, i = 0;
            while (i < known && strcmp(line, words[i].word)) i++;
            if (i == known) die("the script has an unknown word: %s", line);
            *words[i].place = value;
        }
    }
    fclose(file);
    if (!script.path) die("the script has no path");
    if (script.afresh && !script.offset) die("the script does not say where to begin afresh");
}

static void read_columns(const char *name, Client *all, unsigned count) {
    FILE *file = fopen(name, "r");
    char line[MAX_REQUEST];
    if (!file) die("%s: %s", name, strerror(errno));
    for (unsigned i = 0; i < count; i++) {
        if (!fgets(line, sizeof line, file)) die("%s has fewer lines than there are connections", name);
        line[strcspn(line, "\n")] = 0;
        char *column = strtok(line, "\t");
        for (int at = 0; column && at < MAX_COLUMNS; at++, column = strtok(NULL, "\t"))
            all[i].columns[at] = must_have(strdup(column));
    }
    fclose(file);
}

/* What every question says that nobody says twice, and could not be made up on the way: a signed body, say. */
static struct {
    char *next;
} letters;

static void read_letters(const char *name) {
    FILE *file = fopen(name, "r");
    if (!file || fseek(file, 0, SEEK_END)) die("%s: %s", name, strerror(errno));
    size_t length = (size_t)ftell(file);
    rewind(file);
    letters.next = must_have(malloc(length + 1));
    if (fread(letters.next, 1, length, file) != length) die("%s cannot be read", name);
    letters.next[length] = 0;
    fclose(file);
}

static void take_letter(Client *client) {
    char *line = letters.next, *end = strchr(line, '\n');
    if (!end) die("there are too few letters for so quick a server");
    *end = 0;
    letters.next = end + 1;
    for (int at = 0; at < MAX_COLUMNS; at++) {
        client->columns[at] = line;
        if (line) line = strchr(line, '\t');
        if (line) *line++ = 0;
    }
}

/* Fills in a template; the result stays until the next call. */
static const char *filled(const char *template, const Client *client) {
    static char out[MAX_REQUEST];
    size_t at = 0;
    for (const char *from = template; *from; from++) {
        char number[24];
        const char *value = NULL;
        if (from[0] == '%' && from[1] && from[2] == '%') {
            if (from[1] == 'i' || from[1] == 'n' || from[1] == 'o') {
                unsigned long long position = script.base + client->last;
                unsigned long long shown = from[1] == 'i' ? client->index : from[1] == 'n' ? client->asked : position;
                snprintf(number, sizeof number, "%llu", shown);
                value = number;
            } else if (from[1] == 'm') {
                snprintf(number, sizeof number, "%010u", client->said);
                value = number;
            } else if (from[1] >= '1' && from[1] <= '9') {
                value = client->columns[from[1] - '1'];
                if (!value) die("connection %u has no column %c", client->index, from[1]);
            }
        }
        size_t length = value ? strlen(value) : 1;
        if (at + length >= sizeof out) die("a request is longer than %d bytes", MAX_REQUEST);
        memcpy(out + at, value ? value : from, length);
        at += length;
        if (value) from += 2;
    }
    out[at] = 0;
    return out;
}

#endif

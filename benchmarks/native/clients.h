/* The generator's side of N connections: opening them by a script, keeping them alive, and handing on what comes. */

#ifndef PARLEY_BENCH_CLIENTS_H
#define PARLEY_BENCH_CLIENTS_H

#include "script.h"

enum { MAX_EVENTS = 1024, OTHERS_AT_ONCE = 4, BUFFER = 1 << 20, KEPT_ROOM = 1 << 13, CODES = 5000 };

static struct {
    char *host;
    int port, epoll, first_epoll;
    Client *all;
    unsigned count, live, opening, refused, lost, next; /* next: all before it are, or have been, opened */
    unsigned afresh;                 /* those that were told that what they missed is not to be had */
    uint64_t bytes, messages, left;  /* left: those that went by themselves */
    uint64_t excused;                /* events that nobody owes them therefore */
    unsigned first;                  /* those before this one are read before the others, whatever waits there */
    unsigned small_from;             /* from this one on, the kernel keeps as little as it may of what is not read */
    unsigned closes[CODES];          /* how often the server has closed with which code; 0: without any */
    Histogram opened; /* from connect() to the end of the script */
    char last_refusal[200];
} clients;

static char buffer[BUFFER];

/* What the mode does with a message of a live connection, with one that comes before it is live, and with the end of one.
   `at_ns` is when it was read. */
static void (*on_message)(Client *client, const char *text, size_t length, int64_t at_ns);
static void (*on_early_message)(Client *client, const char *text, size_t length, int64_t at_ns);
static void (*on_live)(Client *client);
static void (*on_lost)(Client *client);

/* Opening and closing */

static void watch(Client *client, uint32_t events, int operation) {
    struct epoll_event event = {.events = events, .data.ptr = client};
    int epoll = client->index < clients.first ? clients.first_epoll : clients.epoll;
    if (epoll_ctl(epoll, operation, client->fd, &event)) die("epoll_ctl: %s", strerror(errno));
}

static void open_client(Client *client) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)clients.port)};
    inet_pton(AF_INET, clients.host, &address.sin_addr);
    client->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (client->fd < 0) die("socket: %s", strerror(errno));
    set_non_blocking(client->fd);
    set_no_delay(client->fd);
    if (client->index >= clients.small_from) set_small_buffer(client->fd);
    client->state = CONNECTING;
    client->step = client->is_stopped = 0;
    client->begun_after = client->last;
    client->rest_length = 0;
    client->since_ns = now_ns();
    clients.opening++;
    if (connect(client->fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS)
        die("connect: %s", strerror(errno));
    watch(client, EPOLLOUT, EPOLL_CTL_ADD);
}

static void lose(Client *client, const char *why, size_t length) {
    close(client->fd);
    if (client->state == LEAVING) {
        client->state = CLOSED;
        clients.left++;
        return;
    }
    if (client->state == LIVE) {
        client->state = GONE;
        clients.live--;
        clients.lost++;
        if (on_lost) on_lost(client);
    } else {
        client->state = CLOSED;
        clients.opening--;
        clients.refused++;
        if (client->index < clients.next) clients.next = client->index;
        snprintf(clients.last_refusal, sizeof clients.last_refusal, "%.*s", (int)(length < 150 ? length : 150), why);
    }
}

static void say(Client *client, int opcode, const char *text, size_t length) {
    char frame[MAX_REQUEST + 16];
    size_t header = frame_header(frame, opcode, length, 1);
    if (length > MAX_REQUEST) die("a message is longer than %d bytes", MAX_REQUEST);
    memcpy(frame + header, text, length);
    send_all(client->fd, frame, header + length);
    acknowledge_at_once(client->fd);
}

static void go_on(Client *client) {
    while (client->step < script.step_count && script.steps[client->step].is_send) {
        const char *text = filled(script.steps[client->step++].text, client);
        say(client, WS_TEXT, text, strlen(text));
    }
    client->state = SCRIPTED;
    if (client->step < script.step_count) return;
    client->state = LIVE;
    acknowledge_at_once(client->fd);
    clients.opening--;
    clients.live++;
    histogram_add(&clients.opened, now_ns() - client->since_ns);
    if (on_live) on_live(client);
}

/* Goes by itself: with a closing handshake, or as a device does that loses its network. */
static void leave(Client *client, int politely) {
    clients.live--;
    client->state = LEAVING;
    if (politely) {
        say(client, WS_CLOSE, "\x03\xe8", 2);
        return;
    }
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    lose(client, "", 0);
}

static void shake_hands(Client *client) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        lose(client, strerror(error), strlen(strerror(error)));
        return;
    }
    watch(client, EPOLLIN, EPOLL_CTL_MOD);
    if (script.is_http) {
        go_on(client);
        return;
    }
    char request[MAX_REQUEST], template[MAX_REQUEST];
    snprintf(template, sizeof template, "GET %s HTTP/1.1\r\nHost: %s:%d\r\n%s", script.path, clients.host, clients.port,
             script.headers);
    int length = snprintf(request, sizeof request,
                          "%sConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                          "Sec-WebSocket-Key: " WS_KEY "\r\n\r\n",
                          filled(template, client));
    if (length >= (int)sizeof request) die("a handshake is longer than %d bytes", MAX_REQUEST);
    client->state = SHAKING;
    send_all(client->fd, request, (size_t)length);
}

/* What comes. Each returns how many bytes it has used: 0 if there is not enough yet. */

static size_t take_handshake(Client *client, const char *data, size_t length) {
    const char *end = memmem(data, length, "\r\n\r\n", 4);
    if (!end) return 0;
    size_t used = (size_t)(end - data) + 4;
    if (!memmem(data, used, " 101 ", 5) || !memmem(data, used, WS_ACCEPT, strlen(WS_ACCEPT))) {
        lose(client, data, strcspn(data, "\r"));
        return used;
    }
    go_on(client);
    return used;
}

static void begin_afresh(Client *client, const char *text, size_t length) {
    const char *found = memmem(text, length, script.offset, strlen(script.offset));
    if (!found) die("it does not say where to begin afresh: %.*s", (int)(length < 500 ? length : 500), text);
    uint32_t offset = (uint32_t)(strtoull(found + strlen(script.offset), NULL, 10) - script.base);
    clients.afresh++;
    clients.excused += offset - client->last;
    client->last = offset;
}

static void take_message(Client *client, const char *text, size_t length, int64_t at_ns) {
    if (script.ping && length == strlen(script.ping) && !memcmp(text, script.ping, length)) {
        say(client, WS_TEXT, script.pong, strlen(script.pong));
        return;
    }
    if (client->state == LIVE) {
        clients.messages++;
        if (on_message) on_message(client, text, length, at_ns);
        return;
    }
    if (client->state != SCRIPTED) return;
    if (script.refuse && memmem(text, length, script.refuse, strlen(script.refuse)))
        die("the server refuses: %.*s", (int)(length < 500 ? length : 500), text);
    if (on_early_message) on_early_message(client, text, length, at_ns);
    const char *expected = filled(script.steps[client->step].text, client);
    int is_expected = memmem(text, length, expected, strlen(expected)) != NULL;
    int is_afresh = script.afresh && !is_expected && memmem(text, length, script.afresh, strlen(script.afresh));
    if (is_afresh) begin_afresh(client, text, length);
    if (is_expected || is_afresh) {
        client->step++;
        go_on(client);
    }
}

static size_t take_frame(Client *client, const char *data, size_t length, int64_t at_ns) {
    if (length < 2) return 0;
    const unsigned char *bytes = (const unsigned char *)data;
    size_t header = 2, payload = bytes[1] & 0x7f;
    if (payload >= 126) {
        size_t digits = payload == 126 ? 2 : 8;
        header += digits;
        if (length < header) return 0;
        payload = 0;
        for (size_t i = 0; i < digits; i++) payload = payload << 8 | bytes[2 + i];
        if (payload > BUFFER - 64) die("a frame of %zu bytes is too long", payload);
    }
    if (length < header + payload) return 0;
    switch (bytes[0] & 0x0f) {
    case WS_TEXT:
    case WS_BINARY:
        take_message(client, data + header, payload, at_ns);
        break;
    case WS_PING:
        say(client, WS_PONG, data + header, payload);
        break;
    case WS_CLOSE: {
        unsigned code = payload < 2 ? 0 : (unsigned)bytes[header] << 8 | bytes[header + 1];
        if (client->state != LEAVING) clients.closes[code < CODES ? code : 0]++;
        lose(client, data + header + 2, payload > 2 ? payload - 2 : 0);
        break;
    }
    }
    return header + payload;
}

static size_t take_http_answer(Client *client, char *data, size_t length, int64_t at_ns) {
    char *end = memmem(data, length, "\r\n\r\n", 4);
    if (!end) return 0;
    size_t used = (size_t)(end - data) + 4;
    *end = 0; /* so that the string functions stay in the head */
    char *size = strcasestr(data, "\r\ncontent-length:");
    int is_chunked = strcasestr(data, "\r\ntransfer-encoding: chunked") != NULL;
    *end = '\r';
    if (size) {
        used += strtoul(size + strlen("\r\ncontent-length:"), NULL, 10);
    } else if (is_chunked) {
        const char *last = memmem(data + used, length - used, "0\r\n\r\n", 5);
        if (!last) return 0;
        used = (size_t)(last - data) + 5;
    }
    if (used > length) return 0;
    take_message(client, data, used, at_ns);
    return used;
}

static void keep_rest(Client *client, const char *data, size_t length) {
    if (length > client->rest_room) {
        client->rest_room = length * 2;
        client->rest = must_have(realloc(client->rest, client->rest_room));
    }
    memcpy(client->rest, data, length);
    client->rest_length = length;
}

static void read_from(Client *client) {
    size_t length = client->rest_length;
    if (length) memcpy(buffer, client->rest, length);
    ssize_t got = recv(client->fd, buffer + length, BUFFER - length, 0);
    int64_t at_ns = now_ns();
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        lose(client, "the connection ended", 20);
        return;
    }
    clients.bytes += (uint64_t)got;
    length += (size_t)got;
    size_t used = 0, taken;
    do {
        if (client->state == SHAKING)
            taken = take_handshake(client, buffer + used, length - used);
        else if (script.is_http)
            taken = take_http_answer(client, buffer + used, length - used, at_ns);
        else
            taken = take_frame(client, buffer + used, length - used, at_ns);
        used += taken;
    } while (taken && used < length && client->state >= SHAKING && client->state != GONE);
    client->rest_length = 0;
    if (used < length) {
        keep_rest(client, buffer + used, length - used);
    } else if (client->rest_room > KEPT_ROOM) {
        free(client->rest);
        client->rest = NULL;
        client->rest_room = 0;
    }
}

static void serve(Client *client) {
    if (client->state == CONNECTING)
        shake_hands(client);
    else if (client->state != CLOSED && client->state != GONE)
        read_from(client);
}

static void serve_the_first(void) {
    struct epoll_event events[MAX_EVENTS];
    if (!clients.first) return;
    int ready = epoll_wait(clients.first_epoll, events, MAX_EVENTS, 0);
    for (int i = 0; i < ready; i++) serve(events[i].data.ptr);
}

/* One turn of the loop. A descriptor watched without a client only wakes it: its owner looks after the turn. */
static void turn(int timeout_ms) {
    struct epoll_event events[MAX_EVENTS];
    int ready = epoll_wait(clients.epoll, events, MAX_EVENTS, timeout_ms);
    for (int i = 0; i < ready; i++) {
        if (i % OTHERS_AT_ONCE == 0) serve_the_first();
        if (events[i].data.ptr) serve(events[i].data.ptr);
    }
}

static void be_woken_by(int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    set_non_blocking(fd);
    if (epoll_ctl(clients.epoll, EPOLL_CTL_ADD, fd, &event)) die("epoll_ctl: %s", strerror(errno));
}

/* To be called before anybody is opened: a generator with a crowd on its hands would tell of its own delays. */
static void put_first(unsigned first) {
    clients.first = first;
    clients.first_epoll = epoll_create1(0);
    be_woken_by(clients.first_epoll);
}

/* Opens the first `wanted` clients, `parallel` at once; who is refused tries again. Returns the seconds it took. */
static double open_clients(unsigned wanted, unsigned parallel, double timeout_s) {
    int64_t begun = now_ns();
    while (clients.live + clients.lost < wanted) {
        for (; clients.next < wanted && clients.opening < parallel; clients.next++)
            if (clients.all[clients.next].state == CLOSED) open_client(&clients.all[clients.next]);
        turn(100);
        if (clients.refused > wanted) die("the server refuses connections: %s", clients.last_refusal);
        if ((double)(now_ns() - begun) > timeout_s * 1e9)
            die("only %u of %u connections are up after %.0f s (refused: %u %s)", clients.live, wanted, timeout_s,
                clients.refused, clients.last_refusal);
    }
    return (double)(now_ns() - begun) / 1e9;
}

static void make_clients(char *host, int port, unsigned count) {
    raise_file_limit();
    clients.host = host;
    clients.port = port;
    clients.count = count;
    clients.epoll = epoll_create1(0);
    clients.all = must_have(calloc(count, sizeof *clients.all));
    clients.small_from = count;
    for (unsigned i = 0; i < count; i++) clients.all[i].index = i;
}

#endif

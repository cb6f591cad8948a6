/* The limit of the machine: a WebSocket broadcaster that does nothing but send.

       broadcaster CLIENT_PORT PUBLISH_PORT each|join

   Whoever connects to PUBLISH_PORT sends messages (four bytes of length, big-endian, and the text); each goes as one text
   frame to every WebSocket of CLIENT_PORT. `each`: one send per socket and message. `join`: the frames of all messages that
   one read brought go out in one send per socket. It speaks only to the load generator, whose handshake key is constant. */

#include "wire.h"

enum { MAX_EVENTS = 1024, INBOX = 1 << 20, MAX_REQUEST = 4096 };

typedef enum { CLIENT_LISTENER, PUBLISH_LISTENER, HANDSHAKING, CLIENT, PUBLISHER } Kind;

typedef struct Connection {
    int fd;
    Kind kind;
    size_t slot;   /* of a client in `clients` */
    size_t length; /* of what has come and is not used yet */
    char *inbox;
} Connection;

static int epoll;
static int joins;
static Connection **clients;
static size_t client_count, client_room;

static Connection *watch(int fd, Kind kind, size_t inbox) {
    Connection *connection = must_have(calloc(1, sizeof *connection));
    connection->fd = fd;
    connection->kind = kind;
    connection->inbox = inbox ? must_have(malloc(inbox)) : NULL;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)) die("epoll_ctl: %s", strerror(errno));
    return connection;
}

static void listen_on(int port, Kind kind) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 4096))
        die("port %d: %s", port, strerror(errno));
    set_non_blocking(fd);
    watch(fd, kind, 0);
}

static void drop(Connection *connection) {
    if (connection->kind == CLIENT) {
        clients[connection->slot] = clients[--client_count];
        clients[connection->slot]->slot = connection->slot;
    }
    close(connection->fd);
    free(connection->inbox);
    free(connection);
}

static void accept_from(Connection *listener) {
    for (int fd; (fd = accept(listener->fd, NULL, NULL)) >= 0;) {
        set_non_blocking(fd);
        set_no_delay(fd);
        if (listener->kind == PUBLISH_LISTENER)
            watch(fd, PUBLISHER, INBOX);
        else
            watch(fd, HANDSHAKING, MAX_REQUEST);
    }
}

static void broadcast(const char *frames, size_t length) {
    /* A client that has gone is dropped when its own socket says so. */
    for (size_t i = 0; i < client_count; i++) send_all(clients[i]->fd, frames, length);
}

static void take_messages(Connection *publisher) {
    static char frames[INBOX * 2];
    size_t used = 0, ready = 0;
    while (publisher->length - used >= 4) {
        uint32_t length;
        memcpy(&length, publisher->inbox + used, 4);
        length = ntohl(length);
        if (length > INBOX / 2) die("a message of %u bytes is too long", length);
        if (publisher->length - used - 4 < length) break;
        ready += frame_header(frames + ready, WS_TEXT, length, 0);
        memcpy(frames + ready, publisher->inbox + used + 4, length);
        ready += length;
        used += 4 + length;
        if (!joins) {
            broadcast(frames, ready);
            ready = 0;
        }
    }
    if (ready) broadcast(frames, ready);
    publisher->length -= used;
    memmove(publisher->inbox, publisher->inbox + used, publisher->length);
}

static void shake_hands(Connection *connection) {
    static const char answer[] =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: " WS_ACCEPT "\r\n\r\n";
    connection->inbox[connection->length] = 0;
    if (!strstr(connection->inbox, "\r\n\r\n")) return;
    if (!strstr(connection->inbox, WS_KEY)) die("a handshake with another key");
    if (client_count == client_room) {
        client_room = client_room ? client_room * 2 : 1024;
        clients = must_have(realloc(clients, client_room * sizeof *clients));
    }
    connection->kind = CLIENT;
    connection->slot = client_count;
    clients[client_count++] = connection;
    send_all(connection->fd, answer, sizeof answer - 1);
}

static void read_from(Connection *connection) {
    size_t room = (connection->kind == PUBLISHER ? INBOX : MAX_REQUEST - 1) - connection->length;
    ssize_t got = recv(connection->fd, connection->inbox + connection->length, room, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        drop(connection);
        return;
    }
    connection->length += (size_t)got;
    if (connection->kind == PUBLISHER)
        take_messages(connection);
    else if (connection->kind == HANDSHAKING)
        shake_hands(connection);
    if (connection->kind == CLIENT) connection->length = 0; /* what clients say is of no interest here */
}

int main(int count, char **arguments) {
    if (count != 4) die("usage: broadcaster CLIENT_PORT PUBLISH_PORT each|join");
    joins = strcmp(arguments[3], "join") == 0;
    raise_file_limit();
    epoll = epoll_create1(0);
    listen_on(atoi(arguments[1]), CLIENT_LISTENER);
    listen_on(atoi(arguments[2]), PUBLISH_LISTENER);
    for (struct epoll_event events[MAX_EVENTS];;) {
        int ready = epoll_wait(epoll, events, MAX_EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            Connection *connection = events[i].data.ptr;
            if (connection->kind == CLIENT_LISTENER || connection->kind == PUBLISH_LISTENER)
                accept_from(connection);
            else
                read_from(connection);
        }
    }
}

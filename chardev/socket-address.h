/* Socket addresses as options name them, and how to listen on and connect to them. */
#ifndef CHARDEV_SOCKET_ADDRESS_H
#define CHARDEV_SOCKET_ADDRESS_H

#include "util/json.h"

typedef struct SocketAddress {
    enum { SOCKET_UNIX, SOCKET_INET } kind;
    char *path;
    bool abstract, tight;
    char *host, *port;
    unsigned to;            /* the last port to try; 0: only `port` */
    int family;             /* of TCP: AF_UNSPEC, AF_INET, AF_INET6 */
} SocketAddress;

/* From path= (abstract=, tight=) or host=, port= (to=, ipv4=, ipv6=). */
bool socket_address_parse(SocketAddress *address, const Json *opts, GError **error);
/* The address that a socket is bound or connected to. */
void socket_address_of_fd(SocketAddress *address, int fd);
void socket_address_clear(SocketAddress *address);
/* "unix:PATH", "unix:NAME,abstract=on,tight=on", "tcp:HOST:PORT" with that scheme. Caller frees */
char *socket_address_text(const SocketAddress *address, const char *scheme);
/* " <-> HOST:PORT" of a TCP connection, NULL for others. Caller frees */
char *socket_peer_text(int fd);
/* A listening socket, non-blocking; an old file at a unix path is removed. The port becomes the real one. -1: error */
int socket_listen(SocketAddress *address, GError **error);
/* A connected socket (waits). -1: error */
int socket_connect(const SocketAddress *address, GError **error);
/* As socket_connect, which may take minutes, but ends with ECANCELED soon after go_on() says no. */
int socket_connect_while(const SocketAddress *address, bool (*go_on)(void *opaque), void *opaque, GError **error);

#endif

/*
 * Where a stream goes to and comes from: an address as text or JSON, and the open end of it. Opening tells at once what
 * it can (a bad address, a file that isn't there); connecting may wait and runs in the stream's thread.
 */
#ifndef MIGRATION_CHANNEL_H
#define MIGRATION_CHANNEL_H

#include "chardev/socket-address.h"
#include "migration/stream.h"
#include "util/json.h"

typedef enum { CHANNEL_EXEC, CHANNEL_FILE, CHANNEL_SOCKET, CHANNEL_FD } ChannelKind;

typedef struct ChannelAddress {
    ChannelKind kind;
    char **argv;            /* exec */
    char *path;             /* file */
    uint64_t offset;
    SocketAddress socket;
    char *fd;               /* a name or number */
} ChannelAddress;

typedef struct Channel Channel;

/* The refusal of an unknown kind of address differs in QEMU between the two directions. */
bool channel_address_parse(ChannelAddress *address, const char *uri, bool incoming, GError **error);
bool channel_address_from_json(ChannelAddress *address, const Json *channels, GError **error);
void channel_address_clear(ChannelAddress *address);

/* In the main loop. A socket to send to is not connected yet: channel_connect(), in any thread. */
Channel *channel_open_out(const ChannelAddress *address, GError **error);
bool channel_connect(Channel *channel, GError **error);

/* In the main loop. A socket listens: when the fd (not -1) is readable, channel_accept(), which may find nobody there. */
Channel *channel_open_in(ChannelAddress *address, GError **error);
int channel_listen_fd(const Channel *channel);
bool channel_accept(Channel *channel);

/* The stream has its own reference. Reading gives the big lock up while it waits, if the thread has it. */
Stream *channel_stream(Channel *channel);
/* Drops the caller's reference; the last one throws away what no stream has closed. NULL is fine. */
void channel_unref(Channel *channel);
/* From any thread that has a reference, also while another one is in connect, read, write or close: they fail. */
void channel_interrupt(Channel *channel);

#endif

/*
 * Inside the character devices: a kind is a file with a ChardevKind; most are made of FdIo, which moves bytes between
 * file descriptors and the front end, and queues what the peer does not take.
 */
#ifndef CHARDEV_INT_H
#define CHARDEV_INT_H

#include "chardev/chardev.h"
#include "util/error.h"
#include "util/keyval.h"

/*
 * What one peer may leave unread: a socket's is dropped then, of the others (a file, a terminal) the newest bytes are.
 * And the descriptors that it may send at once.
 */
#define CHARDEV_QUEUE_MAX (32u << 20)
#define CHARDEV_FD_QUEUE_MAX (2u << 20)
#define CHARDEV_FDS_MAX 16

typedef struct ChardevKind {
    const char *name;
    size_t size;                                            /* of the struct that begins with Chardev */
    bool (*open)(Chardev *chr, const Json *opts, GError **error);
    void (*close)(Chardev *chr);                            /* also after a failed open */
    bool (*write)(Chardev *chr, const uint8_t *buf, size_t len);
    void (*update_input)(Chardev *chr);                     /* the front end came, left or may take bytes; NULL: no input */
    char *(*filename)(const Chardev *chr);                  /* NULL: the kind's name */
    int (*take_fd)(Chardev *chr);
    void (*disconnect)(Chardev *chr);
    void (*flush)(Chardev *chr);
    size_t (*queued)(const Chardev *chr);
    /* A mux holds several front ends by itself. */
    bool (*attach)(Chardev *chr, const ChardevFrontend *frontend, void *opaque, GError **error);
    void (*detach)(Chardev *chr, void *opaque);
    bool (*is_free)(const Chardev *chr);                    /* NULL: without a front end */
} ChardevKind;

struct Chardev {
    const ChardevKind *kind;
    char *id;
    bool open;                                              /* a peer is there */
    const ChardevFrontend *frontend;
    void *opaque;
    int log_fd;                                             /* logfile=, -1: none */
};

extern const ChardevKind chardev_socket, chardev_stdio, chardev_null, chardev_vc, chardev_file, chardev_pipe, chardev_pty,
    chardev_ringbuf, chardev_memory, chardev_mux;

/* Towards the front end; no-ops without one. */
void chardev_set_open(Chardev *chr, bool open);             /* tells it, if it changed */
void chardev_send_event(Chardev *chr, ChardevEvent event);
void chardev_send_drained(Chardev *chr);
size_t chardev_can_read(Chardev *chr);
void chardev_deliver(Chardev *chr, const uint8_t *buf, size_t len);

/* A required and an optional text; NULL if absent. Borrowed. */
const char *chardev_opt(const Json *opts, const char *key);

/* Bytes over descriptors. */
typedef struct FdIo {
    Chardev *chr;
    int in, out;                    /* -1: that way is shut; may be the same */
    bool socket;                    /* recvmsg and sendmsg, with descriptors */
    void (*hangup)(Chardev *chr);   /* the peer is gone: the kind calls fdio_stop() */
    size_t (*filter)(Chardev *chr, uint8_t *buf, size_t len); /* looks through what was read (telnet); NULL: none */
    unsigned generation;            /* of the connection: counts starts and stops */
    GSource *in_source, *out_source;
    GIOCondition in_wanted;         /* what in_source waits for */
    GByteArray *queue;
    size_t queue_head;
    int fds[CHARDEV_FDS_MAX];
    unsigned num_fds;
} FdIo;

/* Begins with open, non-blocking descriptors, which become its own. */
void fdio_start(FdIo *io, Chardev *chr, int in, int out, bool socket, void (*hangup)(Chardev *));
/* Closes them; what is queued is lost. May be called twice. */
void fdio_stop(FdIo *io);
/* As fdio_stop, but leaves the descriptors open. */
void fdio_release(FdIo *io);
bool fdio_write(FdIo *io, const uint8_t *buf, size_t len);
void fdio_update_input(FdIo *io);
void fdio_flush(FdIo *io, int timeout_ms);
size_t fdio_queued(const FdIo *io);
int fdio_take_fd(FdIo *io);
bool fd_set_nonblocking(int fd, bool on);

#endif

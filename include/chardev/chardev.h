/*
 * Character devices: byte channels to the host (socket, stdio, file, pipe, pty, null, ringbuf) with one front end each
 * (a monitor, the qtest server, a serial port), or several through a mux. All in the main loop; nothing blocks it.
 */
#ifndef CHARDEV_CHARDEV_H
#define CHARDEV_CHARDEV_H

#include "util/json.h"

struct KeyvalOption;

typedef struct Chardev Chardev;

typedef enum {
    CHARDEV_OPENED,     /* a peer is there */
    CHARDEV_CLOSED,     /* it left; a server socket waits for the next */
    CHARDEV_BREAK,
    CHARDEV_MUX_IN,     /* of a mux: the focus is this front end's from now on */
    CHARDEV_MUX_OUT,    /* it is another's */
} ChardevEvent;

typedef struct ChardevFrontend {
    size_t (*can_read)(void *opaque);   /* bytes that may be given now */
    void (*read)(void *opaque, const uint8_t *buf, size_t len);
    void (*event)(void *opaque, ChardevEvent event);
    void (*drained)(void *opaque);      /* what was queued is written */
    bool leads;                         /* in a mux it comes before those that do not, and leaves them the focus */
} ChardevFrontend;

/*
 * From `-chardev socket,id=…,path=…,server=on,wait=off` as a flat JSON object with "backend" and the options, as text or
 * typed. With mux=on the chardev is a mux over one called ID-base. Borrowed.
 */
Chardev *chardev_new(const Json *opts, GError **error);
/* From the short form of -qmp, -serial, -qtest: "stdio", "unix:PATH,server=on,wait=off", "tcp:H:P", "null", "file:P",
 * "pipe:P", "pty", "vc", "telnet:…", and any of them after "mon:" (a mux); "chardev:ID" is one that exists. With other
 * text: "'x' is not a valid char driver". */
Chardev *chardev_new_short(const char *id, const char *spec, GError **error);
Chardev *chardev_find(const char *id);
/* Fails while a front end is attached. */
bool chardev_remove(const char *id, GError **error);
void chardev_foreach(void (*fn)(Chardev *chr, void *opaque), void *opaque);
const char *chardev_id(const Chardev *chr);
char *chardev_filename(const Chardev *chr);     /* as query-chardev has it: "unix:PATH,server=on". Caller frees */
const char *chardev_backend(const Chardev *chr); /* the kind: "socket" */
bool chardev_is_open(const Chardev *chr);       /* a peer is there */
bool chardev_has_frontend(const Chardev *chr);

/* Whether chardev_attach() would do; else its refusal. */
bool chardev_is_free(const Chardev *chr, GError **error);
/* Fails with "Device 'x' is in use". Tells OPENED at once if a peer is there. */
bool chardev_attach(Chardev *chr, const ChardevFrontend *frontend, void *opaque, GError **error);
void chardev_detach(Chardev *chr, void *opaque);
/*
 * Takes all bytes: what the peer does not take now is queued up to a bound, beyond which the peer is dropped. Returns
 * false if there is no peer.
 */
bool chardev_write(Chardev *chr, const void *buf, size_t len);
/* The front end can take bytes again. */
void chardev_accept_input(Chardev *chr);
/* A file descriptor that came with the last bytes (SCM_RIGHTS), -1 if none. The caller's. */
int chardev_take_fd(Chardev *chr);
/* Drops the peer. */
void chardev_disconnect(Chardev *chr);
/* Bytes that the peer has not taken yet. can_read() is asked again when they are gone. */
size_t chardev_queued(const Chardev *chr);
/* Writes out what is queued, waiting a little: before exit. */
void chardev_flush(Chardev *chr);
/* Flushes and closes everything: terminals get their modes back, socket paths go. Front ends hear nothing. */
void chardev_close_all(void);

/* The kinds that can be made, by name. */
const char *const *chardev_backends(void);      /* NULL-terminated */
/* The options of -chardev, for query-command-line-options: a KeyvalOption table (util/keyval.h). */
const struct KeyvalOption *chardev_options(size_t *count);

/* "ringbuf" and "memory": what a guest wrote, the oldest forgotten. Fails with "x is not a ringbuf device". */
bool chardev_ringbuf_read(Chardev *chr, GByteArray *out, size_t max, GError **error);
bool chardev_ringbuf_write(Chardev *chr, const void *buf, size_t len, GError **error);
/* A break condition to the front end (chardev-send-break). */
void chardev_send_break(Chardev *chr);
/* -echr: the mux's escape character, C-a at first. */
extern uint8_t chardev_mux_escape;
/* Why there is no stdio to take (in the background, or closed); NULL: it can be had. Set by main(). */
extern const char *chardev_no_stdio;
/* What C-a x at a mux does; set by main(). */
extern void (*chardev_terminate_hook)(void);

#endif

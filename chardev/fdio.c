/* Bytes between file descriptors and a front end: watches, the output queue, descriptors that come with the bytes. */
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chardev/chardev-int.h"

#define READ_CHUNK 16384

bool fd_set_nonblocking(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) == 0;
}

static void source_drop(GSource **source)
{
    if (*source) {
        g_source_destroy(*source);
        g_source_unref(*source);
        *source = NULL;
    }
}

static GSource *source_add(int fd, GIOCondition condition, GUnixFDSourceFunc fn, FdIo *io)
{
    GSource *source = g_unix_fd_source_new(fd, condition);

    g_source_set_callback(source, (GSourceFunc)(void (*)(void))fn, io, NULL);
    g_source_attach(source, NULL);
    return source;
}

static void drop_fds(FdIo *io)
{
    while (io->num_fds) {
        close(io->fds[--io->num_fds]);
    }
}

/* The descriptors of a message; a second message's replace the first's. */
static void collect_fds(FdIo *io, struct msghdr *msg)
{
    bool first = true;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        size_t n;
        int fd;

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        if (first) {
            drop_fds(io);
            first = false;
        }
        n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (io->num_fds < CHARDEV_FDS_MAX) {
                io->fds[io->num_fds++] = fd;
            } else {
                close(fd);
            }
        }
    }
}

static ssize_t read_some(FdIo *io, uint8_t *buf, size_t len)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * CHARDEV_FDS_MAX)];
        struct cmsghdr align;
    } control;
    struct iovec iov = { buf, len };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control) };
    ssize_t n;

    if (!io->socket) {
        return read(io->in, buf, len);
    }
    n = recvmsg(io->in, &msg, MSG_CMSG_CLOEXEC);
    if (n > 0 && msg.msg_controllen) {
        collect_fds(io, &msg);
    }
    return n;
}

static gboolean readable(int fd, GIOCondition condition, gpointer opaque)
{
    FdIo *io = opaque;
    uint8_t buf[READ_CHUNK];
    size_t room = chardev_can_read(io->chr);
    ssize_t n;

    (void)fd;
    if (!room) {
        /* Nobody wants input now; a peer that left matters only if there is no front end to read its last bytes. */
        if (!io->chr->frontend && (condition & (G_IO_HUP | G_IO_ERR))) {
            io->hangup(io->chr);
            return G_SOURCE_REMOVE;
        }
        fdio_update_input(io);
        return G_SOURCE_CONTINUE;
    }
    n = read_some(io, buf, MIN(room, sizeof(buf)));
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return G_SOURCE_CONTINUE;
    }
    if (n <= 0) {
        io->hangup(io->chr);
        return G_SOURCE_REMOVE;
    }
    if (io->filter) {
        n = io->filter(io->chr, buf, n);
    }
    if (n) {
        unsigned generation = io->generation;

        chardev_deliver(io->chr, buf, n);
        if (io->generation == generation) {
            fdio_update_input(io);
        }
    }
    return G_SOURCE_CONTINUE;
}

void fdio_update_input(FdIo *io)
{
    GIOCondition want;

    if (io->in < 0) {
        return;
    }
    want = !io->chr->frontend ? G_IO_HUP | G_IO_ERR : chardev_can_read(io->chr) ? G_IO_IN | G_IO_HUP | G_IO_ERR : 0;
    if (io->in_source && want != io->in_wanted) {
        source_drop(&io->in_source);
    }
    if (want && !io->in_source) {
        io->in_source = source_add(io->in, want, readable, io);
        io->in_wanted = want;
    }
}

/* Writes what the peer takes now: the number of bytes, or -1 when it is gone. */
static ssize_t write_some(FdIo *io, const uint8_t *buf, size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = io->socket ? send(io->out, buf + done, len - done, MSG_NOSIGNAL | MSG_DONTWAIT)
                               : write(io->out, buf + done, len - done);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return errno == EAGAIN ? (ssize_t)done : -1;
        }
        done += n;
    }
    return done;
}

static gboolean writable(int fd, GIOCondition condition, gpointer opaque)
{
    FdIo *io = opaque;
    ssize_t n = write_some(io, io->queue->data + io->queue_head, io->queue->len - io->queue_head);
    unsigned generation = io->generation;

    (void)fd;
    (void)condition;
    if (n < 0) {
        g_byte_array_set_size(io->queue, 0);
        io->queue_head = 0;
        source_drop(&io->out_source);
        io->hangup(io->chr);
        return G_SOURCE_REMOVE;
    }
    io->queue_head += n;
    if (io->queue_head < io->queue->len) {
        return G_SOURCE_CONTINUE;
    }
    g_byte_array_set_size(io->queue, 0);
    io->queue_head = 0;
    source_drop(&io->out_source);
    /* A front end that waits for the queue to empty (a monitor) may take input again. */
    fdio_update_input(io);
    if (io->generation == generation) {
        chardev_send_drained(io->chr);
    }
    return io->generation == generation ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

bool fdio_write(FdIo *io, const uint8_t *buf, size_t len)
{
    ssize_t n = 0;

    if (io->out < 0) {
        return false;
    }
    if (!io->out_source) {
        n = write_some(io, buf, len);
        if (n < 0) {
            /* Told from the main loop: the caller may be in the middle of its own work. */
            shutdown(io->out, SHUT_RDWR);
            return false;
        }
        if (n == len) {
            return true;
        }
        io->out_source = source_add(io->out, G_IO_OUT | G_IO_HUP | G_IO_ERR, writable, io);
    }
    if (fdio_queued(io) + (len - n) > (io->socket ? CHARDEV_QUEUE_MAX : CHARDEV_FD_QUEUE_MAX)) {
        if (io->socket) {
            shutdown(io->out, SHUT_RDWR);
        }
        return false;
    }
    if (!io->queue) {
        io->queue = g_byte_array_new();
    }
    if (io->queue_head > io->queue->len / 2) {
        g_byte_array_remove_range(io->queue, 0, io->queue_head);
        io->queue_head = 0;
    }
    g_byte_array_append(io->queue, buf + n, len - n);
    return true;
}

size_t fdio_queued(const FdIo *io)
{
    return io->queue ? io->queue->len - io->queue_head : 0;
}

void fdio_flush(FdIo *io, int timeout_ms)
{
    gint64 end = g_get_monotonic_time() + timeout_ms * 1000;

    while (fdio_queued(io) && io->out >= 0) {
        struct pollfd p = { .fd = io->out, .events = POLLOUT };
        int left = (end - g_get_monotonic_time()) / 1000;
        ssize_t n;

        if (left <= 0 || poll(&p, 1, left) <= 0) {
            return;
        }
        n = write_some(io, io->queue->data + io->queue_head, fdio_queued(io));
        if (n < 0) {
            return;
        }
        io->queue_head += n;
    }
}

void fdio_start(FdIo *io, Chardev *chr, int in, int out, bool socket, void (*hangup)(Chardev *))
{
    io->chr = chr;
    io->in = in;
    io->out = out;
    io->socket = socket;
    io->hangup = hangup;
    io->generation++;
    fdio_update_input(io);
}

void fdio_release(FdIo *io)
{
    source_drop(&io->in_source);
    source_drop(&io->out_source);
    drop_fds(io);
    g_clear_pointer(&io->queue, g_byte_array_unref);
    io->queue_head = 0;
    io->in = io->out = -1;
    io->generation++;
}

void fdio_stop(FdIo *io)
{
    int in = io->in, out = io->out;

    /* A struct that was never started is all zeroes. */
    if (!io->chr) {
        return;
    }
    fdio_release(io);
    if (in >= 0) {
        close(in);
    }
    if (out >= 0 && out != in) {
        close(out);
    }
}

int fdio_take_fd(FdIo *io)
{
    int fd;

    if (!io->num_fds) {
        return -1;
    }
    fd = io->fds[0];
    memmove(io->fds, io->fds + 1, --io->num_fds * sizeof(int));
    return fd;
}

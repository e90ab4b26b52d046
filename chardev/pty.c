/* pty: a pseudo terminal. Nobody tells when its other side is opened, so that is looked at once a second. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "chardev/chardev-int.h"

typedef struct PtyChardev {
    Chardev chr;
    FdIo io;
    int fd;
    char *name;         /* "/dev/pts/3" */
    guint timer;
} PtyChardev;

static void pty_left(Chardev *chr);

static bool peer_is_there(const PtyChardev *pty)
{
    struct pollfd p = { .fd = pty->fd, .events = POLLOUT };

    return poll(&p, 1, 0) >= 0 && !(p.revents & POLLHUP);
}

static gboolean look(gpointer opaque)
{
    PtyChardev *pty = opaque;

    if (!peer_is_there(pty)) {
        return G_SOURCE_CONTINUE;
    }
    pty->timer = 0;
    fdio_start(&pty->io, &pty->chr, pty->fd, pty->fd, false, pty_left);
    chardev_set_open(&pty->chr, true);
    return G_SOURCE_REMOVE;
}

static void pty_left(Chardev *chr)
{
    PtyChardev *pty = (PtyChardev *)chr;

    fdio_release(&pty->io);
    pty->timer = g_timeout_add(1000, look, pty);
    chardev_set_open(chr, false);
}

static bool pty_open(Chardev *chr, const Json *opts, GError **error)
{
    PtyChardev *pty = (PtyChardev *)chr;
    struct termios modes;
    char name[128];
    int slave;

    pty->io.in = pty->io.out = -1;
    pty->fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (pty->fd < 0 || grantpt(pty->fd) < 0 || unlockpt(pty->fd) < 0 || ptsname_r(pty->fd, name, sizeof(name)) != 0) {
        return error_set_errno(error, errno, "Failed to create PTY");
    }
    slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0) {
        return error_set_errno(error, errno, "Failed to create PTY");
    }
    if (tcgetattr(slave, &modes) == 0) {
        cfmakeraw(&modes);
        tcsetattr(slave, TCSAFLUSH, &modes);
    }
    close(slave);
    fd_set_nonblocking(pty->fd, true);
    pty->name = g_strdup(name);
    pty->timer = g_timeout_add(1000, look, pty);
    printf("char device redirected to %s (label %s)\n", name, chr->id);
    fflush(stdout);
    return true;
}

static void pty_close(Chardev *chr)
{
    PtyChardev *pty = (PtyChardev *)chr;

    if (pty->timer) {
        g_source_remove(pty->timer);
    }
    if (pty->io.chr) {
        fdio_release(&pty->io);
    }
    if (pty->fd >= 0) {
        close(pty->fd);
    }
    g_free(pty->name);
}

static bool pty_write(Chardev *chr, const uint8_t *buf, size_t len)
{
    PtyChardev *pty = (PtyChardev *)chr;

    if (!chr->open) {
        if (!pty->timer || !peer_is_there(pty)) {
            return false;
        }
        g_source_remove(pty->timer);
        look(pty);
    }
    return fdio_write(&pty->io, buf, len);
}

static void pty_update_input(Chardev *chr)
{
    fdio_update_input(&((PtyChardev *)chr)->io);
}

static void pty_flush(Chardev *chr)
{
    fdio_flush(&((PtyChardev *)chr)->io, 100);
}

static size_t pty_queued(const Chardev *chr)
{
    return fdio_queued(&((PtyChardev *)chr)->io);
}

static char *pty_filename(const Chardev *chr)
{
    return g_strdup_printf("pty:%s", ((PtyChardev *)chr)->name);
}

const ChardevKind chardev_pty = {
    .name = "pty", .size = sizeof(PtyChardev), .open = pty_open, .close = pty_close, .write = pty_write,
    .update_input = pty_update_input, .flush = pty_flush, .queued = pty_queued, .filename = pty_filename,
};

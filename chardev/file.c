/* stdio, file and pipe: descriptors that are simply there. */
#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include "chardev/chardev-int.h"

typedef struct FdChardev {
    Chardev chr;
    FdIo io;
} FdChardev;

static FdIo *io_of(const Chardev *chr)
{
    return &((FdChardev *)chr)->io;
}

static bool fd_write(Chardev *chr, const uint8_t *buf, size_t len)
{
    return fdio_write(io_of(chr), buf, len);
}

static void fd_update_input(Chardev *chr)
{
    fdio_update_input(io_of(chr));
}

static void fd_flush(Chardev *chr)
{
    fdio_flush(io_of(chr), 500);
}

static size_t fd_queued(const Chardev *chr)
{
    return fdio_queued(io_of(chr));
}

static void fd_close(Chardev *chr)
{
    fdio_stop(io_of(chr));
}

/* The end of input: what is written still goes out. */
static void fd_end_of_input(Chardev *chr)
{
    FdIo *io = io_of(chr);

    if (io->in_source) {
        g_source_destroy(io->in_source);
        g_clear_pointer(&io->in_source, g_source_unref);
    }
    if (io->in != io->out && io->in > STDERR_FILENO) {
        close(io->in);
    }
    io->in = -1;
    chardev_set_open(chr, false);
}

/* --- file --- */

static bool file_open(Chardev *chr, const Json *opts, GError **error)
{
    const char *path = chardev_opt(opts, "path"), *input = chardev_opt(opts, "input-path");
    int in = -1, out;
    bool append;

    if (!path) {
        return error_setf(error, "chardev: file: no filename given");
    }
    if (!keyval_get_bool(opts, "append", false, &append, error)) {
        return false;
    }
    out = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_TRUNC), 0666);
    if (out < 0) {
        return error_set_errno(error, errno, "Could not open '%s'", path);
    }
    if (input) {
        in = open(input, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (in < 0) {
            error_set_errno(error, errno, "Could not open '%s'", input);
            close(out);
            return false;
        }
    }
    fdio_start(io_of(chr), chr, in, out, false, fd_end_of_input);
    chardev_set_open(chr, true);
    return true;
}

const ChardevKind chardev_file = {
    .name = "file", .size = sizeof(FdChardev), .open = file_open, .close = fd_close, .write = fd_write,
    .update_input = fd_update_input, .flush = fd_flush, .queued = fd_queued,
};

/* --- pipe: PATH.in and PATH.out, or one PATH for both --- */

static bool pipe_open(Chardev *chr, const Json *opts, GError **error)
{
    const char *path = chardev_opt(opts, "path");
    g_autofree char *in_path = NULL, *out_path = NULL;
    int in, out;

    if (!path) {
        return error_setf(error, "chardev: pipe: no device path given");
    }
    in_path = g_strdup_printf("%s.in", path);
    out_path = g_strdup_printf("%s.out", path);
    /* Both ways, so that neither end waits for the other to be opened. */
    in = open(in_path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    out = open(out_path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (in < 0 || out < 0) {
        if (in >= 0) {
            close(in);
        }
        if (out >= 0) {
            close(out);
        }
        in = out = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
        if (in < 0) {
            return error_set_errno(error, errno, "Could not open '%s'", path);
        }
    }
    fdio_start(io_of(chr), chr, in, out, false, fd_end_of_input);
    chardev_set_open(chr, true);
    return true;
}

const ChardevKind chardev_pipe = {
    .name = "pipe", .size = sizeof(FdChardev), .open = pipe_open, .close = fd_close, .write = fd_write,
    .update_input = fd_update_input, .flush = fd_flush, .queued = fd_queued,
};

/* --- stdio: there is one, and a terminal gets its modes back --- */

static struct {
    bool used, is_terminal;
    bool blocking_in, blocking_out;
    struct termios modes;
} stdio;

const char *chardev_no_stdio;

static bool stdio_open(Chardev *chr, const Json *opts, GError **error)
{
    bool signals;

    if (chardev_no_stdio) {
        return error_setf(error, "%s", chardev_no_stdio);
    }
    if (stdio.used) {
        return error_setf(error, "cannot use stdio by multiple character devices");
    }
    if (!keyval_get_bool(opts, "signal", true, &signals, error)) {
        return false;
    }
    stdio.used = true;
    stdio.is_terminal = tcgetattr(STDIN_FILENO, &stdio.modes) == 0;
    stdio.blocking_in = !(fcntl(STDIN_FILENO, F_GETFL) & O_NONBLOCK);
    stdio.blocking_out = !(fcntl(STDOUT_FILENO, F_GETFL) & O_NONBLOCK);
    fd_set_nonblocking(STDIN_FILENO, true);
    fd_set_nonblocking(STDOUT_FILENO, true);
    if (stdio.is_terminal) {
        struct termios raw = stdio.modes;

        raw.c_iflag &= ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
        raw.c_oflag |= OPOST;
        raw.c_lflag &= ~(ECHO | ECHONL | ICANON | IEXTEN);
        raw.c_lflag = signals ? raw.c_lflag | ISIG : raw.c_lflag & ~ISIG;
        raw.c_cflag &= ~(CSIZE | PARENB);
        raw.c_cflag |= CS8;
        raw.c_cc[VMIN] = 1;
        raw.c_cc[VTIME] = 0;
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    fdio_start(io_of(chr), chr, STDIN_FILENO, STDOUT_FILENO, false, fd_end_of_input);
    chardev_set_open(chr, true);
    return true;
}

static void stdio_close(Chardev *chr)
{
    if (!io_of(chr)->chr) {
        return; /* it was refused */
    }
    fdio_release(io_of(chr));
    fd_set_nonblocking(STDIN_FILENO, !stdio.blocking_in);
    fd_set_nonblocking(STDOUT_FILENO, !stdio.blocking_out);
    if (stdio.is_terminal) {
        tcsetattr(STDIN_FILENO, TCSANOW, &stdio.modes);
    }
    stdio.used = false;
}

const ChardevKind chardev_stdio = {
    .name = "stdio", .size = sizeof(FdChardev), .open = stdio_open, .close = stdio_close, .write = fd_write,
    .update_input = fd_update_input, .flush = fd_flush, .queued = fd_queued,
};

/* Character devices: what goes in comes out, peers that come and go, refusals. */
#include "chardev/chardev.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "util/error.h"
#include "util/keyval.h"

static char *dir;

typedef struct Front {
    GString *got;
    size_t room;
    unsigned opened, closed, breaks;
} Front;

static size_t front_can_read(void *opaque)
{
    return ((Front *)opaque)->room;
}

static void front_read(void *opaque, const uint8_t *buf, size_t len)
{
    Front *f = opaque;

    g_assert_cmpuint(len, <=, f->room);
    g_string_append_len(f->got, (const char *)buf, len);
}

static void front_event(void *opaque, ChardevEvent event)
{
    Front *f = opaque;

    f->opened += event == CHARDEV_OPENED;
    f->closed += event == CHARDEV_CLOSED;
    f->breaks += event == CHARDEV_BREAK;
}

static const ChardevFrontend frontend = { front_can_read, front_read, front_event };

static Front front_new(void)
{
    return (Front){ .got = g_string_new(NULL), .room = SIZE_MAX };
}

static void front_done(Front *f)
{
    chardev_close_all();
    g_string_free(f->got, TRUE);
}

/* Some rounds of the main loop: enough for whatever is ready. */
static void run(void)
{
    for (int i = 0; i < 50; i++) {
        while (g_main_context_iteration(NULL, FALSE)) {
        }
        g_usleep(100);
    }
}

static Chardev *make(const char *text)
{
    g_autoptr(Json) opts = keyval_parse_flat(text, "backend", NULL, NULL);
    g_autoptr(GError) error = NULL;
    Chardev *chr = chardev_new(opts, &error);

    g_assert_no_error(error);
    return chr;
}

static void refused(const char *text, const char *why)
{
    g_autoptr(Json) opts = keyval_parse_flat(text, "backend", NULL, NULL);
    g_autoptr(GError) error = NULL;

    g_assert_null(chardev_new(opts, &error));
    g_assert_nonnull(error);
    g_assert_cmpstr(error->message, ==, why);
}

static char *path(const char *name)
{
    return g_build_filename(dir, name, NULL);
}

static int dial(const char *name)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    g_autofree char *p = path(name);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    strcpy(un.sun_path, p);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&un, sizeof(un)), ==, 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static char *take(int fd)
{
    static char buf[4096];
    ssize_t n = read(fd, buf, sizeof(buf) - 1);

    buf[MAX(n, 0)] = '\0';
    return buf;
}

static Chardev *make_server(const char *id, const char *more)
{
    g_autofree char *p = path(id);
    g_autofree char *text = g_strdup_printf("socket,id=%s,path=%s,server=on,wait=off%s", id, p, more);

    return make(text);
}

static void server_serves_one_peer_after_another(void)
{
    Chardev *chr = make_server("s", "");
    g_autofree char *p = path("s");
    Front f = front_new();
    g_autofree char *before = chardev_filename(chr);
    g_autofree char *waiting = g_strdup_printf("disconnected:unix:%s,server=on", p);
    int fd, second;

    g_assert_cmpstr(before, ==, waiting);
    g_assert_true(chardev_attach(chr, &frontend, &f, NULL));
    g_assert_false(chardev_write(chr, "lost", 4));
    fd = dial("s");
    run();
    g_assert_cmpuint(f.opened, ==, 1);
    second = dial("s");
    g_assert_cmpint(write(fd, "hello", 5), ==, 5);
    run();
    g_assert_cmpstr(f.got->str, ==, "hello");
    g_assert_true(chardev_write(chr, "you", 3));
    g_assert_cmpstr(take(fd), ==, "you");
    g_assert_cmpstr(take(second), ==, "");
    close(fd);
    run();
    g_assert_cmpuint(f.closed, ==, 1);
    g_assert_cmpuint(f.opened, ==, 2);
    g_assert_true(chardev_write(chr, "two", 3));
    g_assert_cmpstr(take(second), ==, "two");
    close(second);
    front_done(&f);
    g_assert_false(g_file_test(p, G_FILE_TEST_EXISTS));
}

static void last_bytes_of_a_peer_that_left_are_heard(void)
{
    Chardev *chr = make_server("s", "");
    Front f = front_new();
    int fd;

    g_assert_true(chardev_attach(chr, &frontend, &f, NULL));
    fd = dial("s");
    g_assert_cmpint(write(fd, "bye", 3), ==, 3);
    close(fd);
    run();
    g_assert_cmpstr(f.got->str, ==, "bye");
    g_assert_cmpuint(f.closed, ==, 1);
    front_done(&f);
}

static void input_waits_for_room(void)
{
    Chardev *chr = make_server("s", "");
    Front f = front_new();
    int fd;

    f.room = 0;
    g_assert_true(chardev_attach(chr, &frontend, &f, NULL));
    fd = dial("s");
    run();
    g_assert_cmpint(write(fd, "abcdef", 6), ==, 6);
    run();
    g_assert_cmpstr(f.got->str, ==, "");
    f.room = 2;
    chardev_accept_input(chr);
    g_main_context_iteration(NULL, FALSE);
    g_assert_cmpstr(f.got->str, ==, "ab");
    run();
    g_assert_cmpstr(f.got->str, ==, "abcdef");
    close(fd);
    front_done(&f);
}

static void output_is_queued_and_comes_whole(void)
{
    Chardev *chr = make_server("s", "");
    Front f = front_new();
    g_autofree char *big = g_malloc(1 << 20);
    size_t got = 0;
    int fd;

    g_assert_true(chardev_attach(chr, &frontend, &f, NULL));
    fd = dial("s");
    run();
    for (int i = 0; i < 4; i++) {
        memset(big, 'a' + i, 1 << 20);
        g_assert_true(chardev_write(chr, big, 1 << 20));
    }
    g_assert_cmpuint(chardev_queued(chr), >, 1 << 20);
    while (got < 4 << 20) {
        ssize_t n = read(fd, big, 1 << 20);

        for (ssize_t i = 0; i < n; i++) {
            g_assert_cmpint(big[i], ==, 'a' + ((got + i) >> 20));
        }
        got += MAX(n, 0);
        while (g_main_context_iteration(NULL, FALSE)) {
        }
    }
    g_assert_cmpuint(chardev_queued(chr), ==, 0);
    close(fd);
    front_done(&f);
}

static void peer_that_never_reads_is_dropped(void)
{
    Chardev *chr = make_server("s", "");
    Front f = front_new();
    g_autofree char *big = g_malloc0(1 << 20);
    bool ok = true;
    int fd;

    g_assert_true(chardev_attach(chr, &frontend, &f, NULL));
    fd = dial("s");
    run();
    for (int i = 0; i < 100 && ok; i++) {
        ok = chardev_write(chr, big, 1 << 20);
    }
    g_assert_false(ok);
    run();
    g_assert_cmpuint(f.closed, ==, 1);
    close(fd);
    front_done(&f);
}

static void descriptors_come_with_the_bytes(void)
{
    Chardev *chr = make_server("s", "");
    Front f = front_new();
    char control[CMSG_SPACE(sizeof(int))] = { 0 };
    struct iovec iov = { (void *)"x", 1 };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    int fd, ends[2], got;

    g_assert_true(chardev_attach(chr, &frontend, &f, NULL));
    fd = dial("s");
    g_assert_cmpint(pipe(ends), ==, 0);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &ends[1], sizeof(int));
    g_assert_cmpint(sendmsg(fd, &msg, 0), ==, 1);
    run();
    got = chardev_take_fd(chr);
    g_assert_cmpint(got, >=, 0);
    g_assert_cmpint(chardev_take_fd(chr), ==, -1);
    g_assert_cmpint(write(got, "p", 1), ==, 1);
    g_assert_cmpstr(take(ends[0]), ==, "p");
    close(got);
    close(ends[0]);
    close(ends[1]);
    close(fd);
    front_done(&f);
}

static void client_connects_and_says_so(void)
{
    Chardev *server = make_server("s", "");
    g_autofree char *p = path("s");
    g_autofree char *text = g_strdup_printf("socket,id=c,path=%s", p);
    Chardev *client = make(text);
    Front f = front_new(), g = front_new();

    g_assert_true(chardev_is_open(client));
    g_assert_true(chardev_attach(server, &frontend, &f, NULL));
    g_assert_true(chardev_attach(client, &frontend, &g, NULL));
    g_assert_cmpuint(g.opened, ==, 1);
    run();
    g_assert_true(chardev_write(client, "ping", 4));
    run();
    g_assert_cmpstr(f.got->str, ==, "ping");
    chardev_disconnect(server);
    run();
    g_assert_cmpuint(g.closed, ==, 1);
    g_string_free(g.got, TRUE);
    front_done(&f);
}

static void client_with_reconnect_tries_again(void)
{
    g_autofree char *p = path("later");
    g_autofree char *text = g_strdup_printf("socket,id=c,path=%s,reconnect=1", p);
    Chardev *client = make(text);
    gint64 end = g_get_monotonic_time() + 5 * G_USEC_PER_SEC;

    g_assert_false(chardev_is_open(client));
    make_server("later", "");
    while (!chardev_is_open(client) && g_get_monotonic_time() < end) {
        g_main_context_iteration(NULL, TRUE);
    }
    g_assert_true(chardev_is_open(client));
    chardev_close_all();
}

static void tcp_takes_any_free_port(void)
{
    Chardev *server = make("socket,id=t,host=127.0.0.1,port=0,server=on,wait=off");
    g_autofree char *name = chardev_filename(server), *text = NULL;
    g_auto(GStrv) part = g_strsplit(name, ":", 0);
    Chardev *client;
    g_autofree char *client_name = NULL;

    g_assert_true(g_str_has_prefix(name, "disconnected:tcp:127.0.0.1:"));
    text = g_strdup_printf("socket,id=c,host=127.0.0.1,port=%d,nodelay=on", atoi(part[3]));
    client = make(text);
    run();
    g_assert_true(chardev_is_open(server));
    client_name = chardev_filename(client);
    g_assert_nonnull(strstr(client_name, " <-> 127.0.0.1:"));
    chardev_close_all();
}

static void telnet_negotiation_is_not_input(void)
{
    static const uint8_t bytes[] = { 'a', 255, 253, 1, 'b', 255, 250, 31, 0, 80, 255, 240, 'c', 255, 255, 13, 0, 255, 243 };
    Chardev *chr = make_server("s", ",telnet=on");
    Front f = front_new();
    int fd;

    g_assert_true(chardev_attach(chr, &frontend, &f, NULL));
    fd = dial("s");
    g_assert_cmpint(write(fd, bytes, sizeof(bytes)), ==, sizeof(bytes));
    run();
    g_assert_cmpstr(f.got->str, ==, "abc\xff\r");
    g_assert_cmpuint(f.breaks, ==, 1);
    close(fd);
    front_done(&f);
}

static void descriptor_given_by_number_is_used(void)
{
    Front f = front_new();
    g_autofree char *text = NULL;
    int ends[2];
    Chardev *chr;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), ==, 0);
    text = g_strdup_printf("socket,id=s,fd=%d", ends[0]);
    chr = make(text);
    g_assert_true(chardev_attach(chr, &frontend, &f, NULL));
    g_assert_cmpint(write(ends[1], "hi", 2), ==, 2);
    run();
    g_assert_cmpstr(f.got->str, ==, "hi");
    close(ends[1]);
    front_done(&f);
}

static void old_path_is_replaced_and_a_directory_is_not(void)
{
    g_autofree char *p = path("old"), *text = NULL, *why = NULL;

    g_assert_true(g_file_set_contents(p, "x", 1, NULL));
    make_server("old", "");
    close(dial("old"));
    chardev_close_all();
    g_assert_cmpint(g_mkdir(p, 0700), ==, 0);
    text = g_strdup_printf("socket,id=s,path=%s,server=on,wait=off", p);
    why = g_strdup_printf("Failed to unlink socket %s: Is a directory", p);
    refused(text, why);
    g_rmdir(p);
}

static void mistakes_have_qemus_words(void)
{
    static const char *const cases[][2] = {
        { "socket", "chardev: no id specified" },
        { "id=x", "chardev: \"x\" missing backend" },
        { "foo,id=x", "'foo' is not a valid char driver name" },
        { "socket,id=x", "Unable to parse FD number " },
        { "socket,id=x,fd=abc", "Unable to parse FD number abc" },
        { "socket,id=x,fd=777", "File descriptor '777' is not a socket" },
        { "socket,id=x,path=p,host=h", "None or one of 'path', 'fd' or 'host' option required." },
        { "socket,id=x,path=p,wait=on", "'wait' option is incompatible with socket in client connect mode" },
        { "socket,id=x,path=p,server=on,reconnect=1", "'reconnect' option is incompatible with socket in server listen mode" },
        { "socket,id=x,path=/nonexist/p", "Failed to connect to '/nonexist/p': No such file or directory" },
        { "socket,id=x,path=/nonexist/p,server=on,wait=off", "Failed to bind socket to /nonexist/p: No such file or directory" },
        { "socket,id=x,host=h", "chardev: socket: no port given" },
        { "socket,id=x,path=p,tls-creds=t", "'tls-creds' is not supported by this chardev" },
        { "file,id=x", "chardev: file: no filename given" },
        { "file,id=x,path=/nonexist/a", "Could not open '/nonexist/a': No such file or directory" },
        { "pipe,id=x,path=/nonexist/a", "Could not open '/nonexist/a': No such file or directory" },
        { "ringbuf,id=x,size=3", "size of ringbuf chardev must be power of two" },
        { "mux,id=x", "chardev: mux: no chardev given" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        refused(cases[i][0], cases[i][1]);
    }
    make("null,id=x");
    refused("null,id=x", "Duplicate ID 'x' for chardev");
    chardev_close_all();
}

static void path_of_107_bytes_fits_and_108_do_not(void)
{
    g_autofree char *name = g_strnfill(108, 'a');
    g_autofree char *text = g_strdup_printf("socket,id=s,path=%s", name);
    g_autofree char *why = g_strdup_printf("UNIX socket path '%s' is too long", name);

    refused(text, why);
    text[strlen(text) - 1] = '\0';
    name[107] = '\0';
    g_free(why);
    why = g_strdup_printf("Failed to connect to '%s': No such file or directory", name);
    refused(text, why);
}

static void device_in_use_is_not_shared_nor_removed(void)
{
    Chardev *chr = make("null,id=n");
    Front f = front_new(), g = front_new();
    g_autoptr(GError) error = NULL;

    g_assert_true(chardev_attach(chr, &frontend, &f, NULL));
    g_assert_false(chardev_attach(chr, &frontend, &g, &error));
    g_assert_cmpstr(error->message, ==, "Device 'n' is in use");
    g_clear_error(&error);
    g_assert_false(chardev_remove("n", &error));
    g_assert_cmpstr(error->message, ==, "Chardev 'n' is busy");
    g_clear_error(&error);
    chardev_detach(chr, &f);
    g_assert_true(chardev_remove("n", NULL));
    g_assert_false(chardev_remove("n", &error));
    g_assert_cmpstr(error->message, ==, "Chardev 'n' not found");
    g_string_free(g.got, TRUE);
    front_done(&f);
}

static void ringbuf_forgets_the_oldest(void)
{
    Chardev *chr = make("ringbuf,id=r,size=8"), *other = make("null,id=n");
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(GError) error = NULL;

    g_assert_true(chardev_write(chr, "abcdefghij", 10));
    g_assert_true(chardev_write(chr, "kl", 2));
    g_assert_true(chardev_ringbuf_read(chr, out, 3, NULL));
    g_assert_cmpmem(out->data, out->len, "efg", 3);
    g_assert_true(chardev_ringbuf_write(chr, "mno", 3, NULL));
    g_assert_true(chardev_ringbuf_read(chr, out, 100, NULL));
    g_assert_cmpmem(out->data, out->len, "efghijklmno", 11);
    g_assert_false(chardev_ringbuf_read(other, out, 1, &error));
    g_assert_cmpstr(error->message, ==, "n is not a ringbuf device");
    chardev_close_all();
}

static void file_gets_what_is_written(void)
{
    g_autofree char *p = path("out"), *text = g_strdup_printf("file,id=f,path=%s,append=on", p), *content = NULL;

    g_assert_true(g_file_set_contents(p, "old ", 4, NULL));
    g_assert_true(chardev_write(make(text), "new", 3));
    chardev_close_all();
    g_assert_true(g_file_get_contents(p, &content, NULL, NULL));
    g_assert_cmpstr(content, ==, "old new");
}

static void log_file_has_a_copy(void)
{
    g_autofree char *p = path("log"), *text = g_strdup_printf("null,id=n,logfile=%s", p), *content = NULL;

    g_assert_true(chardev_write(make(text), "copy", 4));
    chardev_close_all();
    g_assert_true(g_file_get_contents(p, &content, NULL, NULL));
    g_assert_cmpstr(content, ==, "copy");
}

static void pty_works_once_its_other_side_is_open(void)
{
    Chardev *chr;
    Front f = front_new();
    g_autofree char *name = NULL;
    int fd;

    chr = make("pty,id=p");
    name = chardev_filename(chr);
    g_assert_true(g_str_has_prefix(name, "pty:/dev/pts/"));
    g_assert_true(chardev_attach(chr, &frontend, &f, NULL));
    g_assert_false(chardev_write(chr, "nobody", 6));
    fd = open(name + 4, O_RDWR | O_NOCTTY | O_NONBLOCK);
    g_assert_cmpint(fd, >=, 0);
    g_assert_true(chardev_write(chr, "hello\n", 6));
    g_assert_cmpuint(f.opened, ==, 1);
    run();
    g_assert_cmpstr(take(fd), ==, "hello\n");
    g_assert_cmpint(write(fd, "in\r", 3), ==, 3);
    run();
    g_assert_cmpstr(f.got->str, ==, "in\r");
    close(fd);
    run();
    g_assert_cmpuint(f.closed, ==, 1);
    front_done(&f);
}

static void mux_gives_input_to_who_has_the_focus(void)
{
    int ends[2];
    g_autofree char *text = NULL;
    Front serial = front_new(), monitor = front_new();
    Chardev *chr;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), ==, 0);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    text = g_strdup_printf("socket,id=m,fd=%d,mux=on", ends[0]);
    chr = make(text);
    g_assert_nonnull(chardev_find("m-base"));
    g_assert_true(chardev_attach(chr, &frontend, &serial, NULL));
    g_assert_true(chardev_attach(chr, &frontend, &monitor, NULL));
    g_assert_cmpint(write(ends[1], "m\1cs\1c\1\1", 8), ==, 8);
    run();
    g_assert_cmpstr(monitor.got->str, ==, "m\1");
    g_assert_cmpstr(serial.got->str, ==, "s");
    g_assert_cmpint(write(ends[1], "\1b\1h", 4), ==, 4);
    run();
    g_assert_cmpuint(monitor.breaks, ==, 1);
    g_assert_nonnull(strstr(take(ends[1]), "C-a x    exit emulator"));
    g_assert_true(chardev_write(chr, "both", 4));
    g_assert_cmpstr(take(ends[1]), ==, "both");
    close(ends[1]);
    g_string_free(serial.got, TRUE);
    front_done(&monitor);
}

static void mux_takes_four_front_ends(void)
{
    Chardev *chr = make("null,id=m,mux=on");
    Front f[5] = { 0 };
    g_autoptr(GError) error = NULL;

    for (int i = 0; i < 4; i++) {
        g_assert_true(chardev_attach(chr, &frontend, &f[i], NULL));
    }
    g_assert_false(chardev_attach(chr, &frontend, &f[4], &error));
    g_assert_cmpstr(error->message, ==, "Device 'm' is in use");
    chardev_close_all();
}

static void short_forms_make_the_same_devices(void)
{
    g_autofree char *p = path("short"), *u = g_strdup_printf("unix:%s,server=on,wait=off", p);
    static const struct {
        const char *spec, *backend, *id;
    } cases[] = {
        { NULL, "socket", "a" }, { "null", "null", "b" }, { "vc:80Cx24C", "vc", "c" }, { "mon:null", "mux", "d" },
        { "tcp:127.0.0.1:0,server=on,wait=off", "socket", "e" }, { "telnet:[::1]:0,server=on,wait=off", "socket", "f" },
        { "chardev:b", "null", "b" },
    };
    static const char *const bad[][2] = {
        { "foo", "'foo' is not a valid char driver" },
        { "foo:bar", "'foo:bar' is not a valid char driver" },
        { "tcp:localhost", "parse error: tcp:localhost" },
        { "chardev:zz", "chardev \"zz\" not found" },
        { "unix:p,foo=1", "Invalid parameter 'foo'" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        Chardev *chr = chardev_new_short(cases[i].id, cases[i].spec ? cases[i].spec : u, &error);

        if (i == 5 && !chr) {
            continue; /* a host with no IPv6 */
        }
        g_assert_no_error(error);
        g_assert_cmpstr(chardev_backend(chr), ==, cases[i].backend);
        g_assert_cmpstr(chardev_id(chr), ==, cases[i].id);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(chardev_new_short("x", bad[i][0], &error));
        g_assert_cmpstr(error->message, ==, bad[i][1]);
    }
    chardev_close_all();
}

int main(int argc, char **argv)
{
    int rc;

    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN);
    dir = g_dir_make_tmp("chardev-XXXXXX", NULL);
#define T(name) g_test_add_func("/chardev/" #name, name)
    T(server_serves_one_peer_after_another);
    T(last_bytes_of_a_peer_that_left_are_heard);
    T(input_waits_for_room);
    T(output_is_queued_and_comes_whole);
    T(peer_that_never_reads_is_dropped);
    T(descriptors_come_with_the_bytes);
    T(client_connects_and_says_so);
    T(client_with_reconnect_tries_again);
    T(tcp_takes_any_free_port);
    T(telnet_negotiation_is_not_input);
    T(descriptor_given_by_number_is_used);
    T(old_path_is_replaced_and_a_directory_is_not);
    T(mistakes_have_qemus_words);
    T(path_of_107_bytes_fits_and_108_do_not);
    T(device_in_use_is_not_shared_nor_removed);
    T(ringbuf_forgets_the_oldest);
    T(file_gets_what_is_written);
    T(log_file_has_a_copy);
    T(pty_works_once_its_other_side_is_open);
    T(mux_gives_input_to_who_has_the_focus);
    T(mux_takes_four_front_ends);
    T(short_forms_make_the_same_devices);
    rc = g_test_run();
    {
        g_autofree char *cmd = g_strdup_printf("rm -rf %s", dir);
        rc |= system(cmd) != 0;
    }
    return rc;
}

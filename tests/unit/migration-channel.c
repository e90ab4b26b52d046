/* Addresses of streams and open channels: what is refused, what is whole, what can be interrupted. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "migration/channel.h"
#include "migration/file-out.h"
#include "migration/migration.h"
#include "system/main-loop.h"
#include "util/error.h"

static char *folder;

static char *in_folder(const char *name)
{
    return g_build_filename(folder, name, NULL);
}

static void check_address(const char *uri, bool incoming, const char *want_error)
{
    g_autoptr(GError) error = NULL;
    ChannelAddress address;
    bool ok = channel_address_parse(&address, uri, incoming, &error);

    g_assert_cmpstr(error ? error->message : "", ==, want_error);
    g_assert_cmpint(ok, ==, !*want_error);
    channel_address_clear(&address);
}

static void addresses_are_refused_in_qemus_words(void)
{
    check_address("foo:bar", false, "Parameter 'uri' expects a valid migration protocol");
    check_address("foo:bar", true, "unknown migration protocol: foo:bar");
    check_address("foo", true, "unknown migration protocol: foo");
    check_address("tcp:nonsense", true, "error parsing address 'nonsense'");
    check_address("tcp:", true, "error parsing address ''");
    check_address("unix:", true, "invalid Unix socket address");
    check_address("file:/tmp/x,offset=zz", true, "file URI has bad offset zz: Invalid argument");
    check_address("exec:cat", true, "");
    check_address("file:/tmp/x,offset=-1", true, "file URI has bad offset -1: Numerical result out of range");
    check_address("file:/tmp/x,offset=0x10", true, "");
    check_address("file:/tmp/x,offset=4.5k", true, "");
    check_address("tcp:[::1]:4444", true, "");
    check_address("tcp:localhost:4444,ipv4=on", true, "");
    check_address("fd:name", false, "");
}

static void parts_of_an_address_are_found(void)
{
    ChannelAddress address;

    g_assert_true(channel_address_parse(&address, "file:/a,b,offset=0x1000", false, NULL));
    g_assert_cmpint(address.kind, ==, CHANNEL_FILE);
    g_assert_cmpstr(address.path, ==, "/a,b");
    g_assert_cmpuint(address.offset, ==, 0x1000);
    channel_address_clear(&address);
    g_assert_true(channel_address_parse(&address, "tcp:[::1]:4444", false, NULL));
    g_assert_cmpstr(address.socket.host, ==, "::1");
    g_assert_cmpstr(address.socket.port, ==, "4444");
    channel_address_clear(&address);
}

static void check_json(const char *text, const char *want_error)
{
    g_autofree char *quoted = g_strdelimit(g_strdup(text), "'", '"');
    g_autoptr(Json) json = json_parse(quoted, -1, NULL);
    g_autoptr(GError) error = NULL;
    ChannelAddress address;

    channel_address_from_json(&address, json, &error);
    g_assert_cmpstr(error ? error->message : "", ==, want_error);
    channel_address_clear(&address);
}

static void channels_as_json(void)
{
    check_json("[]", "Channel list must have one entry, type 'main'");
    check_json("[{'channel-type': 'data', 'addr': {}}]", "Channel list must have one entry, type 'main'");
    check_json("[{'channel-type': 'main'}]", "Parameter 'addr' is missing");
    check_json("[{'channel-type': 'main', 'addr': {'transport': 'rdma'}}]", "Parameter 'transport' does not accept value 'rdma'");
    check_json("[{'channel-type': 'main', 'addr': {'transport': 'exec', 'args': []}}]", "Parameter 'args' is missing");
    check_json("[{'channel-type': 'main', 'addr': {'transport': 'exec', 'args': ['cat', 5]}}]",
               "Invalid parameter type for 'args[1]', expected: string");
    check_json("[{'channel-type': 'main', 'addr': {'transport': 'file', 'filename': '/x', 'offset': 4096}}]", "");
    check_json("[{'channel-type': 'main', 'addr': {'transport': 'socket', 'type': 'unix', 'path': '/x'}}]", "");
}

static Stream *open_out(const char *uri, Channel **channel)
{
    ChannelAddress address;
    GError *error = NULL;

    g_assert_true(channel_address_parse(&address, uri, false, &error));
    *channel = channel_open_out(&address, &error);
    g_assert_no_error(error);
    g_assert_true(channel_connect(*channel, &error));
    channel_address_clear(&address);
    return channel_stream(*channel);
}

static void check_contents(const char *path, const char *want)
{
    g_autofree char *text = NULL;

    if (!want) {
        g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
        return;
    }
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, want);
}

static unsigned files_in_folder(void)
{
    GDir *dir = g_dir_open(folder, 0, NULL);
    unsigned count = 0;

    while (g_dir_read_name(dir)) {
        count++;
    }
    g_dir_close(dir);
    return count;
}

static void file_is_whole_or_as_it_was(void)
{
    g_autofree char *path = in_folder("state"), *uri = g_strconcat("file:", path, NULL);
    unsigned files = files_in_folder();
    Channel *channel;
    Stream *s = open_out(uri, &channel);

    stream_put(s, "first", 5);
    stream_flush(s);
    check_contents(path, NULL);
    g_assert_true(stream_close(s, true, NULL));
    channel_unref(channel);
    check_contents(path, "first");

    s = open_out(uri, &channel);
    stream_put(s, "second", 6);
    stream_flush(s);
    check_contents(path, "first");
    stream_close(s, false, NULL);
    channel_unref(channel);
    check_contents(path, "first");
    g_assert_cmpuint(files_in_folder(), ==, files + 1);
    g_unlink(path);
}

static void file_keeps_its_head_mode_and_link(void)
{
    g_autofree char *path = in_folder("headed"), *link = in_folder("link"), *uri = g_strconcat("file:", link, ",offset=4", NULL);
    struct stat st;
    Channel *channel;
    Stream *s;

    g_assert_true(g_file_set_contents(path, "HEADrest", 8, NULL));
    g_chmod(path, 0604);
    g_assert_cmpint(symlink(path, link), ==, 0);
    s = open_out(uri, &channel);
    stream_put(s, "new", 3);
    g_assert_true(stream_close(s, true, NULL));
    channel_unref(channel);
    check_contents(path, "HEADnew");
    g_assert_cmpint(lstat(link, &st), ==, 0);
    g_assert_true(S_ISLNK(st.st_mode));
    g_assert_cmpint(stat(path, &st), ==, 0);
    g_assert_cmpuint(st.st_mode & 0777, ==, 0604);
    g_unlink(link);
    g_unlink(path);
}

static void file_that_cannot_be_written_is_refused_at_once(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(file_out_open("/nonexistent/folder/x", 0, &error));
    g_assert_cmpstr(error->message, ==, "Could not open '/nonexistent/folder/x': No such file or directory");
    g_clear_error(&error);
    g_assert_null(file_out_open(folder, 0, &error));
    g_assert_nonnull(strstr(error->message, "Is a directory"));
}

static void device_is_written_in_place(void)
{
    Channel *channel;
    Stream *s = open_out("file:/dev/null", &channel);

    stream_put(s, "x", 1);
    g_assert_true(stream_close(s, true, NULL));
    channel_unref(channel);
    g_assert_true(g_file_test("/dev/null", G_FILE_TEST_EXISTS));
    g_assert_false(g_file_test("/dev/null", G_FILE_TEST_IS_REGULAR));
}

static void full_disk_is_an_error(void)
{
    g_autoptr(GError) error = NULL;
    Channel *channel;
    Stream *s = open_out("file:/dev/full", &channel);

    stream_put(s, "x", 1);
    g_assert_false(stream_close(s, true, &error));
    g_assert_cmpstr(error->message, ==, "Unable to write to file: No space left on device");
    channel_unref(channel);
}

static void command_gets_the_bytes_and_its_failure_counts(void)
{
    g_autofree char *path = in_folder("out"), *good = g_strdup_printf("exec:cat > '%s'", path);
    g_autoptr(GError) error = NULL;
    Channel *channel;
    Stream *s = open_out(good, &channel);

    stream_put(s, "through", 7);
    g_assert_true(stream_close(s, true, NULL));
    channel_unref(channel);
    check_contents(path, "through");
    g_unlink(path);

    s = open_out("exec:cat > /dev/null; exit 3", &channel);
    stream_put(s, "x", 1);
    g_assert_false(stream_close(s, true, &error));
    g_assert_cmpstr(error->message, ==, "the command failed with exit status 3");
    channel_unref(channel);
}

static void command_that_goes_away_is_a_broken_pipe(void)
{
    g_autofree char *bulk = g_malloc0(4 * 1024 * 1024);
    g_autoptr(GError) error = NULL;
    Channel *channel;
    Stream *s = open_out("exec:true", &channel);

    stream_put(s, bulk, 4 * 1024 * 1024);
    g_assert_false(stream_close(s, true, &error));
    g_assert_cmpstr(error->message, ==, "Unable to write to command: Broken pipe");
    channel_unref(channel);
}

static gpointer interrupt_soon(gpointer channel)
{
    g_usleep(50000);
    channel_interrupt(channel);
    return NULL;
}

static void write_that_waits_can_be_interrupted(void)
{
    g_autofree char *bulk = g_malloc0(4 * 1024 * 1024);
    Channel *channel;
    Stream *s = open_out("exec:exec sleep 100", &channel);
    GThread *thread = g_thread_new("interrupt", interrupt_soon, channel);
    int64_t start = g_get_monotonic_time();

    stream_put(s, bulk, 4 * 1024 * 1024);
    g_assert_false(stream_flush(s));
    g_assert_cmpint(stream_errno(s), ==, ECANCELED);
    g_thread_join(thread);
    stream_close(s, false, NULL);
    channel_unref(channel);
    g_assert_cmpint(g_get_monotonic_time() - start, <, 20000000);
}

static void close_that_waits_for_a_command_can_be_interrupted(void)
{
    Channel *channel;
    Stream *s = open_out("exec:cat > /dev/null; exec sleep 100", &channel);
    GThread *thread = g_thread_new("interrupt", interrupt_soon, channel);
    int64_t start = g_get_monotonic_time();

    stream_put(s, "x", 1);
    g_assert_false(stream_close(s, true, NULL));
    g_thread_join(thread);
    channel_unref(channel);
    g_assert_cmpint(g_get_monotonic_time() - start, <, 20000000);
}

static void read_that_waits_can_be_interrupted(void)
{
    ChannelAddress address;
    Channel *channel;
    GThread *thread;
    Stream *s;

    g_assert_true(channel_address_parse(&address, "exec:exec sleep 100", true, NULL));
    channel = channel_open_in(&address, NULL);
    channel_address_clear(&address);
    s = channel_stream(channel);
    thread = g_thread_new("interrupt", interrupt_soon, channel);
    stream_get_u8(s);
    g_assert_cmpint(stream_errno(s), ==, ECANCELED);
    g_thread_join(thread);
    stream_close(s, false, NULL);
    channel_unref(channel);
}

static gpointer connect_and_send(gpointer uri)
{
    Channel *channel;
    Stream *s = open_out(uri, &channel);

    stream_put(s, "hello", 5);
    g_assert_true(stream_close(s, true, NULL));
    channel_unref(channel);
    return NULL;
}

static void check_socket(const char *listen_uri)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *uri = NULL;
    ChannelAddress address;
    Channel *channel;
    GThread *thread;
    char buf[5];
    Stream *s;

    g_assert_true(channel_address_parse(&address, listen_uri, true, &error));
    channel = channel_open_in(&address, &error);
    g_assert_no_error(error);
    g_assert_false(channel_accept(channel));
    uri = address.socket.kind == SOCKET_UNIX ? g_strconcat("unix:", address.socket.path, NULL)
                                             : g_strconcat("tcp:127.0.0.1:", address.socket.port, NULL);
    thread = g_thread_new("sender", connect_and_send, uri);
    while (!channel_accept(channel)) {
        g_usleep(1000);
    }
    g_assert_cmpint(channel_listen_fd(channel), ==, -1);
    s = channel_stream(channel);
    g_assert_true(stream_get(s, buf, 5));
    g_assert_cmpmem(buf, 5, "hello", 5);
    stream_get_u8(s);
    g_assert_cmpint(stream_errno(s), ==, EIO);
    stream_close(s, false, NULL);
    channel_unref(channel);
    channel_address_clear(&address);
    g_thread_join(thread);
}

static void sockets_carry_a_stream(void)
{
    g_autofree char *path = in_folder("socket"), *uri = g_strconcat("unix:", path, NULL);

    check_socket(uri);
    check_socket("tcp:127.0.0.1:0");
    g_unlink(path);
}

static void nobody_to_connect_to_is_said(void)
{
    g_autoptr(GError) error = NULL;
    ChannelAddress address;
    Channel *channel;

    g_assert_true(channel_address_parse(&address, "unix:/nonexistent/x", false, NULL));
    channel = channel_open_out(&address, NULL);
    g_assert_false(channel_connect(channel, &error));
    g_assert_cmpstr(error->message, ==, "Failed to connect to '/nonexistent/x': No such file or directory");
    channel_unref(channel);
    channel_address_clear(&address);
}

static void descriptor_from_outside_gets_its_flags_back(void)
{
    g_autofree char *uri = NULL;
    int fds[2];
    Channel *channel;
    Stream *s;

    g_assert_cmpint(pipe(fds), ==, 0);
    uri = g_strdup_printf("fd:%d", dup(fds[1]));
    s = open_out(uri, &channel);
    g_assert_true(fcntl(fds[1], F_GETFL) & O_NONBLOCK);
    stream_put(s, "x", 1);
    g_assert_true(stream_close(s, true, NULL));
    channel_unref(channel);
    g_assert_false(fcntl(fds[1], F_GETFL) & O_NONBLOCK);
    close(fds[0]);
    close(fds[1]);
}

/* Lending: what a reader of a UNIX socket gets, and when. */

enum { RECORDS = 400, HEAD = 900, LENT = 4096 };

static Stream *open_pair(int *other, Channel **channel)
{
    g_autofree char *uri = NULL;
    int ends[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
    *other = ends[1];
    uri = g_strdup_printf("fd:%d", ends[0]);
    return open_out(uri, channel);
}

/* A head that is copied, which passes through many buffers, and a page of `pages` that is lent; sometimes the head alone. */
static void put_record(Stream *s, GByteArray *want, const uint8_t *pages, int i)
{
    uint8_t head[HEAD];

    memset(head, i * 37, HEAD);
    stream_put(s, head, HEAD);
    g_byte_array_append(want, head, HEAD);
    if (i % 9) {
        stream_lend(s, pages + i * LENT, LENT);
        g_byte_array_append(want, pages + i * LENT, LENT);
    } else if (i % 2) {
        stream_flush(s);
    }
}

typedef struct LateReader {
    int fd;
    GByteArray *got;
    size_t wanted;
} LateReader;

static gpointer read_late(gpointer opaque)
{
    LateReader *r = opaque;
    uint8_t buffer[30000];
    ssize_t got = 1;

    g_usleep(30000);
    while (r->got->len < r->wanted && got > 0) {
        got = read(r->fd, buffer, sizeof(buffer));
        g_assert_cmpint(got, >, 0);
        g_byte_array_append(r->got, buffer, got);
        g_usleep(r->got->len % 3 * 100);
    }
    return NULL;
}

static void lent_pages_arrive_however_late_they_are_read(void)
{
    g_autofree uint8_t *pages = g_malloc(RECORDS * LENT);
    g_autoptr(GByteArray) want = g_byte_array_new(), got = g_byte_array_new();
    LateReader reader = { .got = got, .wanted = RECORDS * HEAD + (RECORDS - (RECORDS + 8) / 9) * LENT + 1 };
    Channel *channel;
    Stream *s = open_pair(&reader.fd, &channel);
    GThread *thread;

    for (int i = 0; i < RECORDS * LENT; i++) {
        pages[i] = i * 2654435761u >> 13;
    }
    thread = g_thread_new("late", read_late, &reader);
    for (int i = 0; i < RECORDS; i++) {
        put_record(s, want, pages, i);
    }
    stream_put_u8(s, 1);
    g_byte_array_append(want, (const uint8_t *)"\1", 1);
    g_assert_true(stream_settle(s));
    memset(pages, 0xee, RECORDS * LENT);    /* the lender's again */
    g_thread_join(thread);
    g_assert_cmpuint(stream_position(s), ==, want->len);
    g_assert_cmpmem(got->data, got->len, want->data, want->len);
    g_assert_true(stream_close(s, true, NULL));
    channel_unref(channel);
    close(reader.fd);
}

static void waiting_for_a_reader_can_be_interrupted(void)
{
    g_autofree uint8_t *pages = g_malloc0(1024 * LENT);

    for (int count = 16; count <= 1024; count *= 64) {  /* the last stay in the socket; it does not take so many */
        Channel *channel;
        int other;
        Stream *s = open_pair(&other, &channel);
        GThread *thread = g_thread_new("interrupt", interrupt_soon, channel);
        int64_t start = g_get_monotonic_time();

        for (int i = 0; i < count; i++) {
            stream_lend(s, pages + i * LENT, LENT);
        }
        g_assert_false(stream_settle(s));
        g_assert_cmpint(stream_errno(s), ==, ECANCELED);
        g_assert_cmpint(g_get_monotonic_time() - start, <, 20000000);
        g_thread_join(thread);
        stream_close(s, false, NULL);
        channel_unref(channel);
        close(other);
    }
}

static void reader_that_goes_away_is_a_broken_pipe(void)
{
    g_autofree uint8_t *pages = g_malloc0(1024 * LENT);
    g_autoptr(GError) error = NULL;
    Channel *channel;
    int other;
    Stream *s = open_pair(&other, &channel);

    stream_lend(s, pages, LENT);
    g_assert_true(stream_flush(s));
    close(other);
    g_assert_true(stream_settle(s));    /* nobody has the page */
    for (int i = 0; i < 1024; i++) {
        stream_lend(s, pages + i * LENT, LENT);
    }
    g_assert_false(stream_close(s, true, &error));
    g_assert_cmpstr(error->message, ==, "Unable to write to socket: Broken pipe");
    channel_unref(channel);
}

static void descriptor_that_is_none_is_refused(void)
{
    ChannelAddress address;
    g_autoptr(GError) error = NULL;

    g_assert_true(channel_address_parse(&address, "fd:zz", true, NULL));
    g_assert_null(channel_open_in(&address, &error));
    g_assert_cmpstr(error->message, ==, "Invalid file descriptor number 'zz'");
    channel_address_clear(&address);
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    main_loop_init();
    migration_take_fd = NULL;   /* the monitor's: without it only numbers are known */
    folder = g_dir_make_tmp("channel-XXXXXX", NULL);
#define ADD(fn) g_test_add_func("/migration-channel/" #fn, fn)
    ADD(addresses_are_refused_in_qemus_words);
    ADD(parts_of_an_address_are_found);
    ADD(channels_as_json);
    ADD(file_is_whole_or_as_it_was);
    ADD(file_keeps_its_head_mode_and_link);
    ADD(file_that_cannot_be_written_is_refused_at_once);
    ADD(device_is_written_in_place);
    ADD(full_disk_is_an_error);
    ADD(command_gets_the_bytes_and_its_failure_counts);
    ADD(command_that_goes_away_is_a_broken_pipe);
    ADD(write_that_waits_can_be_interrupted);
    ADD(close_that_waits_for_a_command_can_be_interrupted);
    ADD(read_that_waits_can_be_interrupted);
    ADD(sockets_carry_a_stream);
    ADD(nobody_to_connect_to_is_said);
    ADD(descriptor_from_outside_gets_its_flags_back);
    ADD(descriptor_that_is_none_is_refused);
    ADD(lent_pages_arrive_however_late_they_are_read);
    ADD(waiting_for_a_reader_can_be_interrupted);
    ADD(reader_that_goes_away_is_a_broken_pipe);
    status = g_test_run();
    g_rmdir(folder);
    return status;
}

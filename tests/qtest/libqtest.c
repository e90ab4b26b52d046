#include "libqtest.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT_SECONDS 60
#define MAX_IRQS 256

/* One side of a connection, read by lines. */
typedef struct Channel {
    int fd;
    GString *in;
} Channel;

struct QTest {
    pid_t pid;
    char *dir;
    Channel qtest, qmp;
    GQueue events;                  /* Json *, in order */
    bool irq_levels[MAX_IRQS];
    unsigned irq_raised[MAX_IRQS];
};

/* The process. */

static char *in_dir(const QTest *qt, const char *name)
{
    return g_build_filename(qt->dir, name, NULL);
}

char *qtest_stderr(const QTest *qt)
{
    g_autofree char *path = in_dir(qt, "stderr");
    char *text = NULL;

    return g_file_get_contents(path, &text, NULL, NULL) ? text : g_strdup("");
}

static void G_GNUC_NORETURN die(QTest *qt, const char *what)
{
    g_autofree char *text = qtest_stderr(qt);

    g_error("%s (process %d said: %s)", what, (int)qt->pid, text);
}

static int listen_at(const char *path)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpuint(g_strlcpy(addr.sun_path, path, sizeof(addr.sun_path)), <, sizeof(addr.sun_path));
    g_assert_cmpint(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), ==, 0);
    g_assert_cmpint(listen(fd, 1), ==, 0);
    return fd;
}

/* Waits for the emulator to connect, or to end. Returns -1 if it ended. */
static int accept_from(QTest *qt, int listener)
{
    gint64 give_up = g_get_monotonic_time() + TIMEOUT_SECONDS * G_USEC_PER_SEC;
    struct pollfd poller = { .fd = listener, .events = POLLIN };
    int fd = -1;

    while (fd < 0) {
        if (poll(&poller, 1, 20) > 0) {
            fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
            break;
        }
        siginfo_t info = { 0 };
        if (waitid(P_PID, (id_t)qt->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == qt->pid) {
            break;
        }
        if (g_get_monotonic_time() > give_up) {
            die(qt, "timeout waiting for a connection");
        }
    }
    close(listener);
    return fd;
}

static char **make_argv(const QTest *qt, const char *release, const char *args)
{
    const char *build = g_getenv("GODWIT_BUILD"), *log = g_getenv("GODWIT_QTEST_LOG");
    g_autofree char *name = release ? g_strconcat("godwit-", release, NULL) : g_strdup("godwit");
    GPtrArray *argv = g_ptr_array_new();
    g_autoptr(GError) error = NULL;
    char **words = NULL;

    g_ptr_array_add(argv, g_build_filename(build ? build : ".", name, NULL));
    g_ptr_array_add(argv, g_strdup("-accel"));
    g_ptr_array_add(argv, g_strdup("qtest"));
    g_ptr_array_add(argv, g_strdup("-qtest"));
    g_ptr_array_add(argv, g_strdup_printf("unix:%s/qtest", qt->dir));
    g_ptr_array_add(argv, g_strdup("-qtest-log"));
    g_ptr_array_add(argv, g_strdup(log ? log : "/dev/null"));
    g_ptr_array_add(argv, g_strdup("-qmp"));
    g_ptr_array_add(argv, g_strdup_printf("unix:%s/qmp", qt->dir));
    g_ptr_array_add(argv, g_strdup("-nodefaults"));
    g_ptr_array_add(argv, g_strdup("-display"));
    g_ptr_array_add(argv, g_strdup("none"));
    if (*args && !g_shell_parse_argv(args, NULL, &words, &error)) {
        g_error("%s: %s", args, error->message);
    }
    for (char **word = words; word && *word; word++) {
        g_ptr_array_add(argv, *word);
    }
    g_free(words);
    g_ptr_array_add(argv, NULL);
    return (char **)g_ptr_array_free(argv, FALSE);
}

/* Starts the process; the sockets to accept from are in listeners[]. */
static QTest *spawn(const char *release, const char *args, int listeners[2])
{
    QTest *qt = g_new0(QTest, 1);
    g_autoptr(GError) error = NULL;

    qt->dir = g_dir_make_tmp("qtest-XXXXXX", &error);
    g_assert_no_error(error);
    g_autofree char *qtest_path = in_dir(qt, "qtest"), *qmp_path = in_dir(qt, "qmp"),
                    *stderr_path = in_dir(qt, "stderr");
    listeners[0] = listen_at(qtest_path);
    listeners[1] = listen_at(qmp_path);
    qt->qtest.fd = qt->qmp.fd = -1;
    qt->qtest.in = g_string_new(NULL);
    qt->qmp.in = g_string_new(NULL);
    g_auto(GStrv) argv = make_argv(qt, release, args);
    pid_t parent = getpid();
    qt->pid = fork();
    g_assert_cmpint(qt->pid, >=, 0);
    if (qt->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent || !freopen("/dev/null", "r", stdin) || !freopen(stderr_path, "w", stderr)) {
            _exit(127);
        }
        dup2(STDERR_FILENO, STDOUT_FILENO); /* the test's own stdout is TAP */
        execv(argv[0], argv);
        fprintf(stderr, "%s: %s\n", argv[0], g_strerror(errno));
        _exit(127);
    }
    return qt;
}

static void remove_dir(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *inner = g_build_filename(path, name, NULL);
        if (g_file_test(inner, G_FILE_TEST_IS_DIR) && !g_file_test(inner, G_FILE_TEST_IS_SYMLINK)) {
            remove_dir(inner);
        } else {
            g_unlink(inner);
        }
    }
    g_rmdir(path);
}

static int reap(QTest *qt)
{
    gint64 give_up = g_get_monotonic_time() + TIMEOUT_SECONDS * G_USEC_PER_SEC;
    int status;

    while (waitpid(qt->pid, &status, WNOHANG) == 0) {
        if (g_get_monotonic_time() > give_up) {
            kill(qt->pid, SIGKILL);
            die(qt, "the process does not end");
        }
        g_usleep(200);
    }
    if (!WIFEXITED(status)) {
        g_autofree char *what = g_strdup_printf("killed by signal %d", WTERMSIG(status));
        die(qt, what);
    }
    return WEXITSTATUS(status);
}

static void free_all(QTest *qt)
{
    Channel *channels[] = { &qt->qtest, &qt->qmp };

    for (size_t i = 0; i < G_N_ELEMENTS(channels); i++) {
        if (channels[i]->fd >= 0) {
            close(channels[i]->fd);
        }
        g_string_free(channels[i]->in, TRUE);
    }
    g_queue_clear_full(&qt->events, (GDestroyNotify)json_unref);
    remove_dir(qt->dir);
    g_free(qt->dir);
    g_free(qt);
}

int qtest_wait(QTest *qt)
{
    int status = reap(qt);

    free_all(qt);
    return status;
}

QTest *qtest_start(const char *release, const char *args, ...)
{
    int listeners[2];
    va_list ap;

    va_start(ap, args);
    g_autofree char *text = g_strdup_vprintf(args, ap);
    va_end(ap);
    QTest *qt = spawn(release, text, listeners);
    qt->qmp.fd = accept_from(qt, listeners[1]);
    qt->qtest.fd = qt->qmp.fd < 0 ? -1 : accept_from(qt, listeners[0]);
    if (qt->qtest.fd < 0) {
        die(qt, "the emulator did not start");
    }
    json_unref(qtest_qmp_ok(qt, "{'execute': 'qmp_capabilities'}"));
    return qt;
}

char *qtest_start_fails(const char *release, const char *args, ...)
{
    int listeners[2];
    va_list ap;

    va_start(ap, args);
    g_autofree char *text = g_strdup_vprintf(args, ap);
    va_end(ap);
    QTest *qt = spawn(release, text, listeners);
    int status = reap(qt);
    close(listeners[0]);
    close(listeners[1]);
    g_autofree char *said = qtest_stderr(qt);
    g_assert_cmpint(status, ==, 1);
    const char *colon = strstr(said, ": ");
    char *message = g_strdup(colon ? colon + 2 : said);
    free_all(qt);
    return message;
}

void qtest_quit(QTest *qt)
{
    json_unref(qtest_qmp_ok(qt, "{'execute': 'quit'}"));
    int status = reap(qt);
    if (status != 0) {
        die(qt, "exit status is not 0");
    }
    free_all(qt);
}

int qtest_pid(const QTest *qt)
{
    return qt->pid;
}

const char *qtest_dir(const QTest *qt)
{
    return qt->dir;
}

/* Lines. */

static void send_all(QTest *qt, Channel *channel, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(channel->fd, text, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            die(qt, "can't send");
        }
        text += sent;
        length -= (size_t)sent;
    }
}

/* The next line, without its end; waits for it. Caller frees. */
static char *receive_line(QTest *qt, Channel *channel)
{
    size_t scanned = 0;
    char *newline;

    while (!(newline = memchr(channel->in->str + scanned, '\n', channel->in->len - scanned))) {
        struct pollfd poller = { .fd = channel->fd, .events = POLLIN };
        char buffer[65536];

        scanned = channel->in->len;
        if (poll(&poller, 1, TIMEOUT_SECONDS * 1000) == 0) {
            die(qt, "timeout waiting for a reply");
        }
        ssize_t got = recv(channel->fd, buffer, sizeof(buffer), 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            die(qt, "the connection is closed");
        }
        g_string_append_len(channel->in, buffer, got);
    }
    size_t length = (size_t)(newline - channel->in->str);
    char *line = g_strndup(channel->in->str, length);
    g_string_erase(channel->in, 0, (gssize)length + 1);
    g_strchomp(line);
    return line;
}

/* qtest. */

/* "IRQ raise 3" tells of a line; anything else is the reply. */
static bool take_irq(QTest *qt, const char *line)
{
    int n;

    if (!g_str_has_prefix(line, "IRQ ")) {
        return false;
    }
    bool raised = sscanf(line, "IRQ raise %d", &n) == 1;
    g_assert_true(raised || sscanf(line, "IRQ lower %d", &n) == 1);
    g_assert_true(n >= 0 && n < MAX_IRQS);
    qt->irq_levels[n] = raised;
    qt->irq_raised[n] += raised;
    return true;
}

static char *transact(QTest *qt, const char *text, size_t length)
{
    send_all(qt, &qt->qtest, text, length);
    for (;;) {
        char *line = receive_line(qt, &qt->qtest);
        if (!take_irq(qt, line)) {
            return line;
        }
        g_free(line);
    }
}

static char *command_v(QTest *qt, const char *format, va_list ap)
{
    g_autoptr(GString) text = g_string_new(NULL);

    g_string_vprintf(text, format, ap);
    g_string_append_c(text, '\n');
    return transact(qt, text->str, text->len);
}

char *qtest_command(QTest *qt, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    char *line = command_v(qt, format, ap);
    va_end(ap);
    return line;
}

/* What follows "OK" in the reply. Caller frees. */
static char *G_GNUC_PRINTF(2, 3) command_ok(QTest *qt, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    g_autofree char *line = command_v(qt, format, ap);
    va_end(ap);
    if (strncmp(line, "OK", 2) != 0) {
        die(qt, line);
    }
    return g_strdup(line[2] ? line + 3 : "");
}

static uint64_t get_value(QTest *qt, const char *command, uint64_t addr)
{
    g_autofree char *value = command_ok(qt, "%s 0x%" G_GINT64_MODIFIER "x", command, addr);

    return g_ascii_strtoull(value, NULL, 0);
}

static void put_value(QTest *qt, const char *command, uint64_t addr, uint64_t value)
{
    g_free(command_ok(qt, "%s 0x%" G_GINT64_MODIFIER "x 0x%" G_GINT64_MODIFIER "x", command, addr, value));
}

#define ACCESSORS(type, addr_type, get_name, put_name)                  \
    type qtest_##get_name(QTest *qt, addr_type addr)                    \
    {                                                                   \
        return (type)get_value(qt, #get_name, addr);                    \
    }                                                                   \
    void qtest_##put_name(QTest *qt, addr_type addr, type value)        \
    {                                                                   \
        put_value(qt, #put_name, addr, value);                          \
    }

ACCESSORS(uint8_t, uint16_t, inb, outb)
ACCESSORS(uint16_t, uint16_t, inw, outw)
ACCESSORS(uint32_t, uint16_t, inl, outl)
ACCESSORS(uint8_t, uint64_t, readb, writeb)
ACCESSORS(uint16_t, uint64_t, readw, writew)
ACCESSORS(uint32_t, uint64_t, readl, writel)
ACCESSORS(uint64_t, uint64_t, readq, writeq)

void qtest_memread(QTest *qt, uint64_t addr, void *buf, size_t length)
{
    uint8_t *out = buf;

    if (length == 0) {
        return;
    }
    g_autofree char *value = command_ok(qt, "read 0x%" G_GINT64_MODIFIER "x 0x%zx", addr, length);
    g_assert_cmpuint(strlen(value), ==, 2 + 2 * length);
    for (size_t i = 0; i < length; i++) {
        out[i] = (uint8_t)(g_ascii_xdigit_value(value[2 + 2 * i]) << 4 | g_ascii_xdigit_value(value[3 + 2 * i]));
    }
}

void qtest_memwrite(QTest *qt, uint64_t addr, const void *buf, size_t length)
{
    const uint8_t *in = buf;
    g_autoptr(GString) text = g_string_sized_new(2 * length + 64);

    if (length == 0) {
        return;
    }
    g_string_printf(text, "write 0x%" G_GINT64_MODIFIER "x 0x%zx 0x", addr, length);
    for (size_t i = 0; i < length; i++) {
        g_string_append_c(text, "0123456789abcdef"[in[i] >> 4]);
        g_string_append_c(text, "0123456789abcdef"[in[i] & 15]);
    }
    g_string_append_c(text, '\n');
    g_autofree char *reply = transact(qt, text->str, text->len);
    g_assert_cmpstr(reply, ==, "OK");
}

void qtest_memset(QTest *qt, uint64_t addr, uint8_t value, size_t length)
{
    g_free(command_ok(qt, "memset 0x%" G_GINT64_MODIFIER "x 0x%zx 0x%x", addr, length, value));
}

static int64_t clock_command(QTest *qt, const char *text)
{
    g_autofree char *value = command_ok(qt, "%s", text);

    return g_ascii_strtoll(value, NULL, 0);
}

int64_t qtest_clock_step(QTest *qt, int64_t ns)
{
    g_autofree char *text = g_strdup_printf("clock_step %" G_GINT64_FORMAT, ns);

    return clock_command(qt, text);
}

int64_t qtest_clock_step_next(QTest *qt)
{
    return clock_command(qt, "clock_step");
}

int64_t qtest_clock_set(QTest *qt, int64_t ns)
{
    g_autofree char *text = g_strdup_printf("clock_set %" G_GINT64_FORMAT, ns);

    return clock_command(qt, text);
}

void qtest_irq_intercept_in(QTest *qt, const char *path)
{
    g_free(command_ok(qt, "irq_intercept_in %s", path));
}

void qtest_irq_intercept_out(QTest *qt, const char *path)
{
    g_free(command_ok(qt, "irq_intercept_out %s", path));
}

bool qtest_irq(QTest *qt, int n)
{
    g_free(command_ok(qt, "endianness")); /* what is on its way has come then */
    return qt->irq_levels[n];
}

unsigned qtest_irq_raised(const QTest *qt, int n)
{
    return qt->irq_raised[n];
}

void qtest_set_irq_in(QTest *qt, const char *path, const char *name, int n, int level)
{
    g_free(command_ok(qt, "set_irq_in %s %s %d %d", path, name ? name : "unnamed-gpio-in", n, level));
}

/* QMP. */

static Json *receive_json(QTest *qt)
{
    g_autofree char *line = receive_line(qt, &qt->qmp);
    g_autoptr(GError) error = NULL;
    Json *value = json_parse(line, -1, &error);

    if (!value) {
        die(qt, error->message);
    }
    return value;
}

static Json *qmp_v(QTest *qt, const char *format, va_list ap)
{
    g_autoptr(GString) text = g_string_new(NULL);

    g_string_vprintf(text, format, ap);
    g_string_append_c(text, '\n');
    send_all(qt, &qt->qmp, text->str, text->len);
    for (;;) {
        Json *value = receive_json(qt);
        if (json_has(value, "return") || json_has(value, "error")) {
            return value;
        }
        if (json_has(value, "event")) {
            g_queue_push_tail(&qt->events, value);
        } else {
            json_unref(value); /* the greeting */
        }
    }
}

Json *qtest_qmp(QTest *qt, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    Json *reply = qmp_v(qt, format, ap);
    va_end(ap);
    return reply;
}

Json *qtest_qmp_ok(QTest *qt, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    g_autoptr(Json) reply = qmp_v(qt, format, ap);
    va_end(ap);
    if (!json_has(reply, "return")) {
        g_autofree char *text = json_text(reply, false);
        die(qt, text);
    }
    return json_ref(json_member(reply, "return"));
}

char *qtest_qmp_error(QTest *qt, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    g_autoptr(Json) reply = qmp_v(qt, format, ap);
    va_end(ap);
    if (!json_has(reply, "error")) {
        g_autofree char *text = json_text(reply, false);
        die(qt, text);
    }
    return g_strdup(json_member_string(json_member(reply, "error"), "desc", ""));
}

char *qtest_hmp(QTest *qt, const char *format, ...)
{
    g_autoptr(GString) quoted = g_string_new(NULL);
    va_list ap;

    va_start(ap, format);
    g_autofree char *line = g_strdup_vprintf(format, ap);
    va_end(ap);
    json_quote_append(quoted, line);
    g_autoptr(Json) result = qtest_qmp_ok(
        qt, "{\"execute\": \"human-monitor-command\", \"arguments\": {\"command-line\": %s}}", quoted->str);
    return g_strdup(json_get_string(result));
}

static GList *find_event(QTest *qt, const char *name)
{
    for (GList *link = qt->events.head; link; link = link->next) {
        if (strcmp(json_member_string(link->data, "event", ""), name) == 0) {
            return link;
        }
    }
    return NULL;
}

Json *qtest_event(QTest *qt, const char *name)
{
    GList *link;

    while (!(link = find_event(qt, name))) {
        g_queue_push_tail(&qt->events, receive_json(qt));
    }
    Json *event = link->data;
    g_queue_delete_link(&qt->events, link);
    return event;
}

bool qtest_has_event(QTest *qt, const char *name)
{
    json_unref(qtest_qmp_ok(qt, "{'execute': 'query-name'}")); /* what is on its way has come then */
    return find_event(qt, name) != NULL;
}

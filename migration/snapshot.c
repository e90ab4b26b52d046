/*
 * Named states: a file per state in a directory, which -M …,snapshot-dir= gives, or which stands beside the first disk.
 * A file is a stream, and behind its end, where nobody reads on, what `info snapshots` shows. Disks are not in it:
 * loading warns if one was written since.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block/block.h"
#include "channel.h"
#include "drift.h"
#include "hw/core/machine.h"
#include "ledger-internal.h"
#include "loadvm-report.h"
#include "migration/migration.h"
#include "savevm.h"
#include "state.h"
#include "system/clock.h"
#include "system/runstate.h"
#include "util/byteorder.h"
#include "util/error.h"
#include "util/log.h"
#include "util/size.h"
#include "util/units.h"

#define SUFFIX ".qevm"
enum { TRAILER_MAGIC = 0x47574431 /* "GWD1" */, TRAILER_MAX = 65536, NAME_MAX_LENGTH = 200 };

/* Disks. */

static bool first_file(const Json *info, const char **file)
{
    const Json *inserted = json_member(info, "inserted");

    *file = inserted && json_type(inserted) == JSON_OBJECT ? json_member_string(inserted, "file", NULL) : NULL;
    return *file && **file == '/';
}

static char *directory(GError **error)
{
    g_autoptr(Json) disks = NULL;
    const char *file;

    if (current_machine && current_machine->snapshot_dir) {
        return g_strdup(current_machine->snapshot_dir);
    }
    disks = block_query();
    for (size_t i = 0; i < json_count(disks); i++) {
        if (first_file(json_at(disks, i), &file)) {
            return g_strconcat(file, ".snapshots", NULL);
        }
    }
    error_setf(error, "no block device can store vmstate for snapshot");
    return NULL;
}

/* Each disk's file, with what tells whether it was written since. */
static Json *disk_marks(void)
{
    g_autoptr(Json) disks = block_query();
    Json *marks = json_new_array();

    for (size_t i = 0; i < json_count(disks); i++) {
        const char *file;
        struct stat st;
        Json *mark;

        if (!first_file(json_at(disks, i), &file) || stat(file, &st) < 0 || !S_ISREG(st.st_mode)) {
            continue;
        }
        mark = json_new_object();
        json_set(mark, "file", json_new_string(file));
        json_set(mark, "size", json_new_int(st.st_size));
        json_set(mark, "mtime", json_new_int(st.st_mtim.tv_sec * NANOSECONDS_PER_SECOND + st.st_mtim.tv_nsec));
        json_append(marks, mark);
    }
    return marks;
}

static void warn_about_disks(const Json *info)
{
    const Json *then = info ? json_member(info, "disks") : NULL;
    g_autoptr(Json) now = disk_marks();

    for (size_t i = 0; then && json_type(then) == JSON_ARRAY && i < json_count(then); i++) {
        for (size_t k = 0; k < json_count(now); k++) {
            const char *file = json_member_string(json_at(now, k), "file", "");

            if (strcmp(json_member_string(json_at(then, i), "file", ""), file) == 0 &&
                !json_equal(json_at(then, i), json_at(now, k))) {
                warn_report("%s was written after the state was saved: the guest may find it damaged", file);
            }
        }
    }
}

/* The trailer: JSON, its length, a mark. */

static void put_trailer(Stream *s)
{
    g_autoptr(Json) info = json_new_object();
    g_autofree char *text = NULL;

    json_set(info, "date", json_new_int(g_get_real_time() / G_USEC_PER_SEC));
    json_set(info, "clock", json_new_int(clock_ns(CLOCK_TYPE_VIRTUAL)));
    json_set(info, "release", json_new_string(release_name(release)));
    json_set(info, "disks", disk_marks());
    text = json_text(info, false);
    stream_put(s, text, strlen(text));
    stream_put_be32(s, strlen(text));
    stream_put_be32(s, TRAILER_MAGIC);
}

static Json *get_trailer(const char *path, uint64_t *state_size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    g_autofree char *text = NULL;
    Json *info = NULL;
    uint32_t length = 0;
    uint8_t tail[8];
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < 8 || pread(fd, tail, 8, st.st_size - 8) != 8 ||
        load_be32(tail + 4) != TRAILER_MAGIC) {
        goto out;
    }
    length = load_be32(tail);
    if (length > TRAILER_MAX || length + 8 > (uint64_t)st.st_size) {
        goto out;
    }
    text = g_malloc(length + 1);
    if (pread(fd, text, length, st.st_size - 8 - length) == length) {
        info = json_parse(text, length, NULL);
    }
    if (info && json_type(info) != JSON_OBJECT) {
        g_clear_pointer(&info, json_unref);
    }
    *state_size = st.st_size - 8 - length;
out:
    if (fd >= 0) {
        close(fd);
    }
    return info;
}

/* Names and files. */

/* It is shown in a table, and is a file's name. */
static bool is_name(const char *name)
{
    for (const char *c = name; *c; c++) {
        if (*c == '/' || g_ascii_iscntrl(*c)) {
            return false;
        }
    }
    return *name && *name != '.' && strlen(name) <= NAME_MAX_LENGTH && g_utf8_validate(name, -1, NULL);
}

static char *path_of(const char *name, GError **error)
{
    g_autofree char *dir = NULL;

    if (!is_name(name)) {
        g_autofree char *shown = g_utf8_validate(name, -1, NULL) ? g_strdup(name) : g_strescape(name, NULL);

        for (char *c = shown; *c; c++) {
            *c = g_ascii_iscntrl(*c) ? '?' : *c;
        }
        error_setf(error, "'%s' can't be the name of a snapshot: it must not be empty, begin with '.', hold '/' or control "
                   "characters or be longer than %d bytes", shown, NAME_MAX_LENGTH);
        return NULL;
    }
    dir = directory(error);
    return dir ? g_strconcat(dir, "/", name, SUFFIX, NULL) : NULL;
}

static bool make_directory(GError **error)
{
    g_autofree char *dir = directory(error);

    return dir && (g_mkdir_with_parents(dir, 0770) == 0 || error_set_errno(error, errno, "Could not make '%s'", dir));
}

static bool allowed(GError **error)
{
    if (!migration_is_idle()) {
        return error_setf(error, "There's a migration process in progress");
    }
    if (runstate_get() == RUN_STATE_INMIGRATE) {
        return error_setf(error, "Guest is waiting for an incoming migration");
    }
    return savevm_allowed(error);
}

/* What QMP and HMP call. */

static bool write_state(const char *path, GError **error)
{
    ChannelAddress address = { .kind = CHANNEL_FILE, .path = (char *)path };
    Channel *channel = channel_open_out(&address, error);
    Stream *s;
    bool ok;

    if (!channel) {
        return false;
    }
    s = channel_stream(channel);
    ok = savevm_machine(s, error);
    if (ok) {
        put_trailer(s);
    }
    if (!stream_close(s, ok, ok ? error : NULL)) {
        ok = false;
    }
    channel_unref(channel);
    return ok;
}

bool snapshot_save(const char *name, GError **error)
{
    g_autofree char *made_up = NULL, *path = NULL;
    RunState before = runstate_get();
    bool ok;

    if (!name) {
        g_autoptr(GDateTime) now = g_date_time_new_now_local();
        name = made_up = g_date_time_format(now, "vm-%Y%m%d%H%M%S");
    }
    if (!allowed(error)) {
        return false;
    }
    path = path_of(name, error);
    if (!path || !make_directory(error)) {
        return false;
    }
    global_state_store();
    vm_stop_force(RUN_STATE_SAVE_VM);
    ok = block_flush_all(error) && write_state(path, error);
    if (before == RUN_STATE_RUNNING) {
        vm_start();
    } else {
        runstate_set(before);
    }
    return ok;
}

/* Why it fails goes to stderr; `tell`: and into the error. */
static bool read_state(Channel *channel, bool tell, GError **error)
{
    g_autofree char *notes = NULL, *text = NULL;
    g_autoptr(Json) ledger = NULL;
    GError *inner = NULL;
    Stream *s = channel_stream(channel);
    bool ok;

    reset_machine();
    ok = loadvm_machine(s, &ledger, &inner) && drift_allows(s, ledger, &inner);
    notes = g_strdup(stream_notes(s));
    stream_close(s, false, NULL);
    channel_unref(channel);
    if (ok) {
        loadvm_commit();
        ledger_adopt(ledger, true);
        return true;
    }
    loadvm_undo();
    reset_machine();
    text = loadvm_report(inner, notes);
    error_setf(error, "Error while loading VM state: %s%s%s", g_strerror(vmstate_error_errno(inner)), tell ? "\n" : "",
               tell ? text : "");
    g_error_free(inner);
    return false;
}

static Channel *open_state(const char *path, const char *name, GError **error)
{
    ChannelAddress address = { .kind = CHANNEL_FILE, .path = (char *)path };
    struct stat st;

    if (stat(path, &st) < 0) {
        error_setf(error, "Snapshot '%s' does not exist in one or more devices", name);
        return NULL;
    }
    if (!S_ISREG(st.st_mode)) {
        error_setf(error, "'%s' is not a regular file", path);
        return NULL;
    }
    return channel_open_in(&address, error);
}

static bool load(const char *name, bool run, bool tell, GError **error)
{
    g_autofree char *path = path_of(name, error);
    g_autoptr(Json) info = NULL;
    Channel *channel;
    uint64_t size;

    if (!path) {
        return false;
    }
    if (!migration_is_idle() || runstate_get() == RUN_STATE_INMIGRATE) {
        return error_setf(error, "There's a migration process in progress");
    }
    channel = open_state(path, name, error);
    if (!channel) {
        return false;
    }
    info = get_trailer(path, &size);
    vm_stop_force(RUN_STATE_RESTORE_VM);
    warn_about_disks(info);
    if (!read_state(channel, tell, error)) {
        runstate_set(RUN_STATE_PAUSED);
        return false;
    }
    if (run) {
        vm_start();
    } else {
        runstate_set(RUN_STATE_PAUSED);
    }
    return true;
}

bool snapshot_load(const char *name, GError **error)
{
    return load(name, runstate_is_running(), true, error);
}

bool snapshot_load_at_start(const char *name, GError **error)
{
    return load(name, false, false, error);
}

bool snapshot_delete(const char *name, GError **error)
{
    g_autofree char *path = path_of(name, error);

    if (!path) {
        return false;
    }
    if (unlink(path) < 0) {
        return errno == ENOENT ? error_setf(error, "Snapshot '%s' does not exist in one or more devices", name)
                               : error_set_errno(error, errno, "Could not remove '%s'", path);
    }
    return true;
}

static void print_one(GString *out, const char *dir, const char *file)
{
    g_autofree char *path = g_strconcat(dir, "/", file, NULL), *name = g_strndup(file, strlen(file) - strlen(SUFFIX));
    uint64_t size = 0;
    g_autoptr(Json) info = get_trailer(path, &size);
    g_autofree char *size_text = size_format(size), *date_text = NULL, *clock_text = NULL;
    int64_t date = info ? json_member_int(info, "date", 0) : 0, clock = info ? json_member_int(info, "clock", 0) : 0;
    g_autoptr(GDateTime) when = g_date_time_new_from_unix_local(date);

    date_text = when ? g_date_time_format(when, "%Y-%m-%d %H:%M:%S") : g_strdup("");
    clock_text = g_strdup_printf("%02d:%02d:%02d.%03d", (int)(clock / (3600 * NANOSECONDS_PER_SECOND)),
                                 (int)(clock / (60 * NANOSECONDS_PER_SECOND) % 60),
                                 (int)(clock / NANOSECONDS_PER_SECOND % 60), (int)(clock / 1000000 % 1000));
    g_string_append_printf(out, "%-9s %-16s %8s%20s%13s%11s\n", "--", name, size_text, date_text, clock_text, "");
}

static gint by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void snapshot_print(GString *out)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = directory(&error);
    GDir *listing = dir ? g_dir_open(dir, 0, NULL) : NULL;
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
    const char *file;

    if (!dir) {
        g_string_append_printf(out, "%s\n", error->message);
        return;
    }
    while (listing && (file = g_dir_read_name(listing))) {
        g_autofree char *name = g_str_has_suffix(file, SUFFIX) ? g_strndup(file, strlen(file) - strlen(SUFFIX)) : NULL;

        if (name && is_name(name)) {
            g_ptr_array_add(files, g_strdup(file));
        }
    }
    if (listing) {
        g_dir_close(listing);
    }
    if (!files->len) {
        g_string_append(out, "There is no snapshot available.\n");
        return;
    }
    g_ptr_array_sort(files, by_name);
    g_string_append(out, "List of snapshots present on all disks:\n");
    g_string_append_printf(out, "%-9s %-16s %8s%20s%13s%11s\n", "ID", "TAG", "VM SIZE", "DATE", "VM CLOCK", "ICOUNT");
    for (guint i = 0; i < files->len; i++) {
        print_one(out, dir, files->pdata[i]);
    }
}

/* The registry of character devices, and what all kinds share. */
#include "chardev/chardev.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "chardev/chardev-int.h"

static GPtrArray *chardevs; /* Chardev *, in order of creation */

static const ChardevKind *const kinds[] = {
    &chardev_stdio, &chardev_ringbuf, &chardev_mux, &chardev_pipe, &chardev_null, &chardev_socket,
    &chardev_vc, &chardev_memory, &chardev_file, &chardev_pty,
};

void (*chardev_terminate_hook)(void);

const char *const *chardev_backends(void)
{
    static const char *names[G_N_ELEMENTS(kinds) + 1];

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        names[i] = kinds[i]->name;
    }
    return names;
}

Chardev *chardev_find(const char *id)
{
    for (guint i = 0; chardevs && i < chardevs->len; i++) {
        Chardev *chr = chardevs->pdata[i];

        if (strcmp(chr->id, id) == 0) {
            return chr;
        }
    }
    return NULL;
}

void chardev_foreach(void (*fn)(Chardev *chr, void *opaque), void *opaque)
{
    for (guint i = 0; chardevs && i < chardevs->len; i++) {
        fn(chardevs->pdata[i], opaque);
    }
}

static void chardev_free(Chardev *chr)
{
    chr->kind->close(chr);
    if (chr->log_fd >= 0) {
        close(chr->log_fd);
    }
    g_free(chr->id);
    g_free(chr);
}

static bool open_log(Chardev *chr, const Json *opts, GError **error)
{
    const char *path = chardev_opt(opts, "logfile");
    bool append;

    if (!keyval_get_bool(opts, "logappend", false, &append, error)) {
        return false;
    }
    if (path) {
        chr->log_fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_TRUNC), 0666);
        if (chr->log_fd < 0) {
            return error_set_errno(error, errno, "Unable to open logfile %s", path);
        }
    }
    return true;
}

static Chardev *make(const ChardevKind *kind, const char *id, const Json *opts, GError **error)
{
    Chardev *chr = g_malloc0(kind->size);

    chr->kind = kind;
    chr->id = g_strdup(id);
    chr->log_fd = -1;
    if (!chardevs) {
        chardevs = g_ptr_array_new();
    }
    if (!open_log(chr, opts, error) || !kind->open(chr, opts, error)) {
        chardev_free(chr);
        return NULL;
    }
    g_ptr_array_add(chardevs, chr);
    return chr;
}

static const ChardevKind *find_kind(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (strcmp(kinds[i]->name, name) == 0) {
            return kinds[i];
        }
    }
    return NULL;
}

Chardev *chardev_new(const Json *opts, GError **error)
{
    const char *id = chardev_opt(opts, "id"), *backend = chardev_opt(opts, "backend");
    const ChardevKind *kind;
    bool mux;

    if (!id) {
        error_setf(error, "chardev: no id specified");
        return NULL;
    }
    if (!backend) {
        error_setf(error, "chardev: \"%s\" missing backend", id);
        return NULL;
    }
    kind = find_kind(backend);
    if (!kind) {
        error_setf(error, "'%s' is not a valid char driver name", backend);
        return NULL;
    }
    if (chardev_find(id)) {
        error_setf(error, "Duplicate ID '%s' for chardev", id);
        return NULL;
    }
    if (!keyval_get_bool(opts, "mux", false, &mux, error)) {
        return NULL;
    }
    if (mux) {
        g_autofree char *base_id = g_strdup_printf("%s-base", id);
        g_autoptr(Json) mux_opts = json_new_object();
        Chardev *base, *chr;

        if (chardev_find(base_id)) {
            error_setf(error, "Duplicate ID '%s' for chardev", base_id);
            return NULL;
        }
        base = make(kind, base_id, opts, error);
        if (!base) {
            return NULL;
        }
        json_set(mux_opts, "chardev", json_new_string(base_id));
        chr = make(&chardev_mux, id, mux_opts, error);
        if (!chr) {
            chardev_remove(base_id, NULL);
        }
        return chr;
    }
    return make(kind, id, opts, error);
}

bool chardev_remove(const char *id, GError **error)
{
    Chardev *chr = chardev_find(id);

    if (!chr) {
        return error_setf(error, "Chardev '%s' not found", id);
    }
    if (chr->frontend || chr->kind == &chardev_mux) {
        return error_setf(error, "Chardev '%s' is busy", id);
    }
    g_ptr_array_remove(chardevs, chr);
    chardev_free(chr);
    return true;
}

void chardev_close_all(void)
{
    /* A mux goes before what it stands on, which is older. */
    while (chardevs && chardevs->len) {
        Chardev *chr = chardevs->pdata[chardevs->len - 1];

        chardev_flush(chr);
        chr->frontend = NULL;
        g_ptr_array_remove_index(chardevs, chardevs->len - 1);
        chardev_free(chr);
    }
}

const char *chardev_id(const Chardev *chr)
{
    return chr->id;
}

const char *chardev_backend(const Chardev *chr)
{
    return chr->kind->name;
}

char *chardev_filename(const Chardev *chr)
{
    return chr->kind->filename ? chr->kind->filename(chr) : g_strdup(chr->kind->name);
}

bool chardev_is_open(const Chardev *chr)
{
    return chr->open;
}

bool chardev_has_frontend(const Chardev *chr)
{
    return chr->frontend != NULL;
}

bool chardev_is_free(const Chardev *chr, GError **error)
{
    bool is_free = chr->kind->is_free ? chr->kind->is_free(chr) : !chr->frontend;

    return is_free || error_setf(error, "Device '%s' is in use", chr->id);
}

bool chardev_attach(Chardev *chr, const ChardevFrontend *frontend, void *opaque, GError **error)
{
    if (chr->kind->attach) {
        return chr->kind->attach(chr, frontend, opaque, error);
    }
    if (!chardev_is_free(chr, error)) {
        return false;
    }
    chr->frontend = frontend;
    chr->opaque = opaque;
    if (chr->kind->update_input) {
        chr->kind->update_input(chr);
    }
    if (chr->open && frontend->event) {
        frontend->event(opaque, CHARDEV_OPENED);
    }
    return true;
}

void chardev_detach(Chardev *chr, void *opaque)
{
    if (chr->kind->detach) {
        chr->kind->detach(chr, opaque);
        return;
    }
    if (chr->opaque == opaque) {
        chr->frontend = NULL;
        chr->opaque = NULL;
        if (chr->kind->update_input) {
            chr->kind->update_input(chr);
        }
    }
}

bool chardev_write(Chardev *chr, const void *buf, size_t len)
{
    if (chr->log_fd >= 0 && write(chr->log_fd, buf, len) < 0) {
        /* The log is a courtesy; a full disk does not disturb the guest. */
        close(chr->log_fd);
        chr->log_fd = -1;
    }
    return chr->kind->write(chr, buf, len);
}

void chardev_accept_input(Chardev *chr)
{
    if (chr->kind->update_input) {
        chr->kind->update_input(chr);
    }
}

int chardev_take_fd(Chardev *chr)
{
    return chr->kind->take_fd ? chr->kind->take_fd(chr) : -1;
}

void chardev_disconnect(Chardev *chr)
{
    if (chr->kind->disconnect) {
        chr->kind->disconnect(chr);
    }
}

size_t chardev_queued(const Chardev *chr)
{
    return chr->kind->queued ? chr->kind->queued(chr) : 0;
}

void chardev_flush(Chardev *chr)
{
    if (chr->kind->flush) {
        chr->kind->flush(chr);
    }
}

void chardev_send_break(Chardev *chr)
{
    /* A mux, or one without a front end, has nobody of its own to hear it. */
    if (chr->opaque) {
        chardev_send_event(chr, CHARDEV_BREAK);
    }
}

/* --- for the kinds --- */

const char *chardev_opt(const Json *opts, const char *key)
{
    return json_member_string(opts, key, NULL);
}

void chardev_send_event(Chardev *chr, ChardevEvent event)
{
    if (chr->frontend && chr->frontend->event) {
        chr->frontend->event(chr->opaque, event);
    }
}

void chardev_send_drained(Chardev *chr)
{
    if (chr->frontend && chr->frontend->drained) {
        chr->frontend->drained(chr->opaque);
    }
}

void chardev_set_open(Chardev *chr, bool open)
{
    if (chr->open != open) {
        chr->open = open;
        chardev_send_event(chr, open ? CHARDEV_OPENED : CHARDEV_CLOSED);
    }
}

size_t chardev_can_read(Chardev *chr)
{
    if (!chr->frontend || !chr->frontend->read) {
        return 0;
    }
    return chr->frontend->can_read ? chr->frontend->can_read(chr->opaque) : SIZE_MAX;
}

void chardev_deliver(Chardev *chr, const uint8_t *buf, size_t len)
{
    if (chr->frontend && chr->frontend->read) {
        chr->frontend->read(chr->opaque, buf, len);
    }
}

/* --- null: takes all, gives nothing; vc: a virtual console that nobody looks at --- */

static bool null_open(Chardev *chr, const Json *opts, GError **error)
{
    return true;
}

static void null_close(Chardev *chr)
{
}

static bool null_write(Chardev *chr, const uint8_t *buf, size_t len)
{
    return true;
}

const ChardevKind chardev_null = {
    .name = "null", .size = sizeof(Chardev), .open = null_open, .close = null_close, .write = null_write,
};

const ChardevKind chardev_vc = {
    .name = "vc", .size = sizeof(Chardev), .open = null_open, .close = null_close, .write = null_write,
};

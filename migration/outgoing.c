/*
 * Sending a machine. A thread writes; whatever touches the machine (stopping it, its devices' state, its run state)
 * happens in the main loop, which the thread asks for and waits for. So nothing waits for the peer but the thread, and
 * the thread touches nothing but RAM and its dirty bits.
 *
 * The order at the end: the machine is stopped and the state of its devices is taken into memory in one step; then the
 * pages that are still dirty go out, then that state. The save is complete when the channel has been closed without an
 * error (a file in its place, a command's exit status 0); until then every failure and migrate_cancel lead back to a
 * machine that goes on as it did.
 */
#include "outgoing.h"

#include <string.h>

#include "block/block.h"
#include "capability.h"
#include "channel.h"
#include "hw/core/machine.h"
#include "migration/migration.h"
#include "ram.h"
#include "savevm.h"
#include "state.h"
#include "system/clock.h"
#include "system/main-loop.h"
#include "system/runstate.h"
#include "util/error.h"
#include "util/log.h"
#include "util/trace.h"

enum { WINDOW_MS = 100 };   /* of the rate limit */

typedef struct Job {
    Channel *channel;
    Stream *stream;         /* the thread's */
    GMutex lock;
    GCond cond;
    bool cancelled, go_on;  /* under the lock */
    void (*call)(struct Job *job);  /* what the main loop is asked to do */
    bool call_done;
    GThread *thread;
    GError *error;
    /* between stopping and the end */
    bool stopped, inactivated;
    RunState old_state;
    GByteArray *devices;
    GString *json;
    bool committed;
} Job;

static Job *job_now;
static MigrationStatus status;
static char *last_error;
static struct {
    int64_t start, setup, down, end;    /* realtime clock, ns; 0: not yet */
    uint64_t transferred, precopy_bytes;
    int64_t expected_downtime;          /* ms */
    double mbps;
    uint64_t pages_per_second;
} figures;

static int64_t now_ns(void)
{
    return clock_ns(CLOCK_TYPE_REALTIME);
}

static void set_status(MigrationStatus next)
{
    if (status != next) {
        trace(migrate_set_state, "%s", migration_status_name(next));
        status = next;
        migration_status_event(next);
    }
}

/* Asking the main loop. */

static void run_call(void *opaque)
{
    Job *job = opaque;

    job->call(job);
    g_mutex_lock(&job->lock);
    job->call_done = true;
    g_cond_signal(&job->cond);
    g_mutex_unlock(&job->lock);
}

static void in_main_loop(Job *job, void (*call)(Job *job))
{
    job->call = call;
    job->call_done = false;
    defer_once(run_call, job);
    g_mutex_lock(&job->lock);
    while (!job->call_done) {
        g_cond_wait(&job->cond, &job->lock);
    }
    g_mutex_unlock(&job->lock);
}

static bool is_cancelled(Job *job)
{
    bool cancelled;

    g_mutex_lock(&job->lock);
    cancelled = job->cancelled;
    g_mutex_unlock(&job->lock);
    return cancelled;
}

/* Until `end`, or somebody cancels. */
static void sleep_until(Job *job, int64_t end_ns)
{
    int64_t end = g_get_monotonic_time() + MAX(end_ns - now_ns(), 0) / 1000;

    g_mutex_lock(&job->lock);
    while (!job->cancelled && g_cond_wait_until(&job->cond, &job->lock, end)) {
    }
    g_mutex_unlock(&job->lock);
}

/* Sending while the guest runs. */

static void call_active(Job *job)
{
    figures.setup = now_ns();
    if (status == MIGRATION_SETUP) {
        set_status(MIGRATION_ACTIVE);
    }
}

/* Once a window: how fast it goes, and what of the rest would fit into the allowed downtime. */
static uint64_t measure(Stream *s, int64_t *since, uint64_t *since_bytes, uint64_t *since_pages, uint64_t threshold)
{
    int64_t now = now_ns(), elapsed = now - *since;
    RamStats stats = ram_stats();
    uint64_t pages = stats.zero_pages + stats.normal_pages, bytes = stream_position(s) - *since_bytes;

    if (elapsed < WINDOW_MS * 1000000) {
        return threshold;
    }
    figures.mbps = bytes * 8.0 * 1000 / elapsed;
    figures.pages_per_second = (pages - *since_pages) * 1e9 / elapsed;
    threshold = (double)bytes / elapsed * 1000000 * parameter_downtime_limit();
    if (stats.dirty_pages_rate && bytes > 10000) {
        figures.expected_downtime = stats.remaining_pages * TARGET_PAGE_SIZE * 1.0 / bytes * elapsed / 1000000;
    }
    *since = now;
    *since_bytes = stream_position(s);
    *since_pages = pages;
    return threshold;
}

static bool send_while_running(Job *job, GError **error)
{
    Stream *s = job->stream;
    int64_t window = now_ns(), since = window;
    uint64_t window_bytes = stream_position(s), since_bytes = window_bytes, since_pages = 0, threshold = 0;

    figures.expected_downtime = parameter_downtime_limit();
    while (!is_cancelled(job)) {
        uint64_t pending = savevm_pending(false), limit = parameter_max_bandwidth() / (1000 / WINDOW_MS);
        bool done;

        if (pending < threshold) {
            pending = savevm_pending(true);
        }
        if (!pending || pending < threshold) {
            ram_set_stop(UINT64_MAX);
            return true;
        }
        ram_set_stop(limit ? window_bytes + limit : UINT64_MAX);
        if (!savevm_iterate(s, &done, error)) {
            return false;
        }
        figures.transferred = stream_position(s);
        if (limit && stream_position(s) >= window_bytes + limit) {
            sleep_until(job, window + WINDOW_MS * 1000000);
        }
        threshold = measure(s, &since, &since_bytes, &since_pages, threshold);
        if (now_ns() - window >= WINDOW_MS * 1000000) {
            window = now_ns();
            window_bytes = stream_position(s);
        }
    }
    return error_setf(error, "cancelled");
}

/* Stopping, and what follows. */

static void call_stop(Job *job)
{
    if (job->cancelled) {
        error_setf(&job->error, "cancelled");
        return;
    }
    figures.down = now_ns();
    job->old_state = runstate_get();
    global_state_store();
    vm_stop_force(RUN_STATE_FINISH_MIGRATE);
    job->stopped = true;
    if (capability_is_on(CAPABILITY_PAUSE_BEFORE_SWITCHOVER) && status == MIGRATION_ACTIVE) {
        set_status(MIGRATION_PRE_SWITCHOVER);
    }
}

static void call_save_devices(Job *job)
{
    Stream *memory = stream_new_memory(NULL, 0);
    bool describe = !(current_machine && current_machine->suppress_vmdesc);

    if (status == MIGRATION_PRE_SWITCHOVER) {
        set_status(MIGRATION_DEVICE);
    }
    job->json = describe ? g_string_sized_new(65536) : NULL;
    if (savevm_allowed(&job->error) && savevm_devices(memory, job->json, &job->error) && block_inactivate_all(&job->error)) {
        job->inactivated = true;
        job->devices = stream_memory_take(memory);
    }
    stream_close(memory, false, NULL);
}

static bool wait_for_go(Job *job)
{
    bool go_on;

    g_mutex_lock(&job->lock);
    while (capability_is_on(CAPABILITY_PAUSE_BEFORE_SWITCHOVER) && !job->go_on && !job->cancelled) {
        g_cond_wait(&job->cond, &job->lock);
    }
    go_on = !job->cancelled;
    g_mutex_unlock(&job->lock);
    return go_on || error_setf(&job->error, "cancelled");
}

static bool send_the_rest(Job *job)
{
    Stream *s = job->stream;

    in_main_loop(job, call_stop);
    if (job->error || !wait_for_go(job)) {
        return false;
    }
    in_main_loop(job, call_save_devices);
    if (job->error) {
        return false;
    }
    figures.precopy_bytes = stream_position(s);
    if (!savevm_complete(s, &job->error)) {
        return false;
    }
    stream_put_nocopy(s, job->devices->data, job->devices->len);
    savevm_end(s, job->json);
    return stream_flush(s) || error_setf(&job->error, "%s", stream_error(s)->message);
}

static bool send_machine(Job *job)
{
    if (!channel_connect(job->channel, &job->error)) {
        return false;
    }
    job->stream = channel_stream(job->channel);
    if (!savevm_header(job->stream, &job->error) || !savevm_setup(job->stream, &job->error)) {
        return false;
    }
    in_main_loop(job, call_active);
    return send_while_running(job, &job->error) && send_the_rest(job);
}

/* The end, whichever. */

static void back_to_before(Job *job)
{
    if (job->inactivated) {
        g_autoptr(GError) error = NULL;

        if (!block_activate_all(&error)) {
            error_report("%s", error->message);
        }
    }
    if (!job->stopped) {
        return;
    }
    if (job->old_state == RUN_STATE_RUNNING) {
        vm_start();
    } else {
        runstate_set(job->old_state);
    }
}

static void call_end(Job *job)
{
    figures.end = now_ns();
    savevm_cleanup();
    if (job->committed) {
        double seconds = (figures.end - figures.start) / 1e9;

        figures.mbps = figures.transferred * 8.0 / MAX(seconds, 1e-6) / 1e6;
        figures.pages_per_second = 0;
        if (runstate_get() == RUN_STATE_FINISH_MIGRATE) {
            runstate_set(RUN_STATE_POSTMIGRATE);
        }
        set_status(MIGRATION_COMPLETED);
    } else {
        back_to_before(job);
        if (status == MIGRATION_CANCELLING) {
            set_status(MIGRATION_CANCELLED);
        } else {
            last_error = g_strdup(job->error ? job->error->message : "the stream could not be written");
            error_report("%s", last_error);
            set_status(MIGRATION_FAILED);
        }
    }
    job_now = NULL;
}

static void free_job(void *opaque)
{
    Job *job = opaque;

    g_thread_join(job->thread);
    channel_unref(job->channel);
    if (job->devices) {
        g_byte_array_unref(job->devices);
    }
    if (job->json) {
        g_string_free(job->json, TRUE);
    }
    g_clear_error(&job->error);
    g_mutex_clear(&job->lock);
    g_cond_clear(&job->cond);
    g_free(job);
}

static gpointer job_thread(gpointer opaque)
{
    Job *job = opaque;
    bool ok = send_machine(job);

    if (job->stream) {
        GError *error = NULL;

        figures.transferred = stream_position(job->stream);
        /* May wait, for a command's end or the disk; migrate_cancel ends that too. */
        job->committed = stream_close(job->stream, ok, &error) && ok;
        if (error && !job->error) {
            g_propagate_error(&job->error, g_steal_pointer(&error));
        }
        g_clear_error(&error);
    }
    in_main_loop(job, call_end);
    defer_once(free_job, job);
    return NULL;
}

/* What QMP and HMP call. */

bool migration_is_active(void)
{
    return status == MIGRATION_SETUP || status == MIGRATION_ACTIVE || status == MIGRATION_CANCELLING ||
           status == MIGRATION_PRE_SWITCHOVER || status == MIGRATION_DEVICE;
}

bool migration_is_idle(void)
{
    return !migration_is_active() && incoming_status() != MIGRATION_ACTIVE;
}

static bool may_start(bool block, bool resume, GError **error)
{
    if (resume) {
        return error_setf(error, "Cannot resume if there is no paused migration");
    }
    if (migration_is_active()) {
        return error_setf(error, "There's a migration process in progress");
    }
    if (runstate_get() == RUN_STATE_INMIGRATE) {
        return error_setf(error, "Guest is waiting for an incoming migration");
    }
    if (runstate_get() == RUN_STATE_POSTMIGRATE) {
        return error_setf(error, "Can't migrate the vm that was paused due to previous migration");
    }
    if (block) {
        return error_setf(error, "Block migration is not supported");
    }
    return savevm_allowed(error);
}

static void sync_event(uint64_t number)
{
    if (capability_is_on(CAPABILITY_EVENTS) && job_now) {
        Json *data = json_new_object();

        json_set(data, "pass", json_new_uint(number));
        event_emit("MIGRATION_PASS", data);
    }
}

/* The syncs are made by the thread; events are the main loop's. In order, as each is deferred when it happens. */
static void deferred_sync_event(void *opaque)
{
    sync_event(GPOINTER_TO_SIZE(opaque));
}

static void note_sync(uint64_t number)
{
    defer_once(deferred_sync_event, GSIZE_TO_POINTER(number));
}

static bool begin(const ChannelAddress *address, GError **error)
{
    Channel *channel;
    Job *job;

    memset(&figures, 0, sizeof(figures));
    g_clear_pointer(&last_error, g_free);
    figures.start = now_ns();
    set_status(MIGRATION_SETUP);
    channel = channel_open_out(address, error);
    if (!channel) {
        return false;
    }
    if (!savevm_prepare(error)) {
        savevm_cleanup();
        channel_unref(channel);
        return false;
    }
    job = g_new0(Job, 1);
    g_mutex_init(&job->lock);
    g_cond_init(&job->cond);
    job->channel = channel;
    job_now = job;
    ram_sync_hook = note_sync;
    job->thread = g_thread_new("live_migration", job_thread, job);
    return true;
}

bool migration_start(const char *uri, const Json *channels, bool block, bool incremental, bool resume, GError **error)
{
    ChannelAddress address = { 0 };
    GError *inner = NULL;
    bool ok;

    if (!uri == !channels) {
        return error_setf(error, "need either 'uri' or 'channels' argument");
    }
    if (!may_start(block || incremental, resume, error)) {
        return false;
    }
    ok = uri ? channel_address_parse(&address, uri, false, &inner) : channel_address_from_json(&address, channels, &inner);
    if (ok) {
        ok = begin(&address, &inner);
    } else {
        set_status(MIGRATION_SETUP);
    }
    channel_address_clear(&address);
    if (!ok) {
        g_free(last_error);
        last_error = g_strdup(inner->message);
        set_status(MIGRATION_FAILED);
        g_propagate_error(error, inner);
    }
    return ok;
}

void migration_cancel(void)
{
    if (!job_now || !migration_is_active()) {
        return;
    }
    set_status(MIGRATION_CANCELLING);
    g_mutex_lock(&job_now->lock);
    job_now->cancelled = true;
    g_cond_broadcast(&job_now->cond);
    g_mutex_unlock(&job_now->lock);
    channel_interrupt(job_now->channel);
}

void migration_shutdown(void)
{
    int64_t end = now_ns() + 3000000000;

    migration_cancel();
    while (job_now && now_ns() < end) {
        main_loop_step(false) || (g_usleep(1000), true);
    }
}

bool migration_continue(const char *state, GError **error)
{
    if (strcmp(state, migration_status_name(status)) != 0) {
        return error_setf(error, "Migration not in expected state: %s", migration_status_name(status));
    }
    if (status == MIGRATION_PRE_SWITCHOVER) {
        g_mutex_lock(&job_now->lock);
        job_now->go_on = true;
        g_cond_broadcast(&job_now->cond);
        g_mutex_unlock(&job_now->lock);
    }
    return true;
}

bool migration_pause(GError **error)
{
    return error_setf(error, "migrate-pause is currently only supported during postcopy-active state");
}

bool migration_recover(const char *uri, GError **error)
{
    return error_setf(error, "Migrate recover can only be run when postcopy is paused.");
}

bool migration_start_postcopy(GError **error)
{
    return error_setf(error, "Enable postcopy with migrate_set_capability before the start of migration");
}

OutgoingInfo outgoing_info(void)
{
    int64_t end = figures.end ? figures.end : now_ns();

    return (OutgoingInfo){
        .status = status,
        .error = status == MIGRATION_FAILED ? last_error : NULL,
        .total_time = (end - figures.start) / 1000000,
        .setup_time = figures.setup ? (figures.setup - figures.start) / 1000000 : 0,
        .downtime = figures.down ? (end - figures.down) / 1000000 : 0,
        .expected_downtime = figures.expected_downtime,
        .transferred = figures.transferred,
        .precopy_bytes = figures.precopy_bytes ? figures.precopy_bytes : figures.transferred,
        .downtime_bytes = figures.precopy_bytes ? figures.transferred - figures.precopy_bytes : 0,
        .mbps = figures.mbps,
        .pages_per_second = figures.pages_per_second,
    };
}

/* What becomes of an I/O error: rerror=, werror=, the event, the stopped machine and its status. */
#include "block-image.h"

#include "system/main-loop.h"
#include "system/runstate.h"

static GString *events;

static void note_event(const char *event, Json *data)
{
    g_autofree char *text = data ? json_text(data, false) : g_strdup("");
    g_string_append_printf(events, "%s %s\n", event, text);
    json_unref(data);
}

static BlockBackend *open_null(const char *options)
{
    GError *error = NULL;
    add_drive(&error, "if=none,id=d0,driver=null-co,node-name=n0%s", options);
    g_assert_no_error(error);
    g_string_truncate(events, 0);
    return block_backend_get("d0");
}

static void assert_action(BlockBackend *blk, bool is_read, int errnum, BlockErrorAction expected)
{
    g_assert_cmpint(block_backend_error_action(blk, is_read, errnum), ==, expected);
}

static void run_deferred(void)
{
    while (main_loop_step(false)) {
    }
}

static const char *io_status(void)
{
    g_autoptr(Json) all = block_query();
    return g_intern_string(json_member_string(json_at(all, 0), "io-status", "none"));
}

static void defaults_report_reads_and_stop_on_full(void)
{
    BlockBackend *blk = open_null("");
    g_assert_cmpint(block_backend_on_error(blk, true), ==, BLOCKDEV_ON_ERROR_REPORT);
    g_assert_cmpint(block_backend_on_error(blk, false), ==, BLOCKDEV_ON_ERROR_ENOSPC);
    assert_action(blk, true, EIO, BLOCK_ERROR_REPORT);
    assert_action(blk, true, ENOSPC, BLOCK_ERROR_REPORT);
    assert_action(blk, false, EIO, BLOCK_ERROR_REPORT);
    assert_action(blk, false, ENOSPC, BLOCK_ERROR_STOP);
    run_deferred();
    close_backend(blk);
}

static void policies_of_the_drive_are_kept(void)
{
    BlockBackend *blk = open_null(",rerror=stop,werror=ignore");
    block_backend_set_on_error(blk, BLOCKDEV_ON_ERROR_AUTO, BLOCKDEV_ON_ERROR_AUTO);
    assert_action(blk, true, EIO, BLOCK_ERROR_STOP);
    assert_action(blk, false, ENOSPC, BLOCK_ERROR_IGNORE);
    run_deferred();
    close_backend(blk);
}

static void policies_of_the_device_win(void)
{
    BlockBackend *blk = open_null(",rerror=stop,werror=stop");
    block_backend_set_on_error(blk, BLOCKDEV_ON_ERROR_IGNORE, BLOCKDEV_ON_ERROR_REPORT);
    assert_action(blk, true, EIO, BLOCK_ERROR_IGNORE);
    assert_action(blk, false, ENOSPC, BLOCK_ERROR_REPORT);
    close_backend(blk);
}

static void event_tells_what_and_why(void)
{
    BlockBackend *blk = open_null("");
    block_backend_set_on_error(blk, BLOCKDEV_ON_ERROR_IGNORE, BLOCKDEV_ON_ERROR_REPORT);
    assert_action(blk, true, EIO, BLOCK_ERROR_IGNORE);
    assert_action(blk, false, ENOSPC, BLOCK_ERROR_REPORT);
    g_assert_cmpstr(events->str, ==,
                    "BLOCK_IO_ERROR {\"device\": \"d0\", \"node-name\": \"n0\", \"operation\": \"read\", "
                    "\"action\": \"ignore\", \"reason\": \"Input/output error\"}\n"
                    "BLOCK_IO_ERROR {\"device\": \"d0\", \"node-name\": \"n0\", \"operation\": \"write\", "
                    "\"action\": \"report\", \"reason\": \"No space left on device\"}\n");
    close_backend(blk);
}

static void event_says_whether_space_is_short_where_that_can_stop(void)
{
    BlockBackend *blk = open_null("");
    block_backend_set_on_error(blk, BLOCKDEV_ON_ERROR_AUTO, BLOCKDEV_ON_ERROR_AUTO);
    assert_action(blk, false, EIO, BLOCK_ERROR_REPORT);
    g_assert_nonnull(strstr(events->str, "\"nospace\": false"));
    assert_action(blk, false, ENOSPC, BLOCK_ERROR_STOP);
    g_assert_nonnull(strstr(events->str, "\"nospace\": true"));
    run_deferred();
    close_backend(blk);
}

static void stop_stops_the_machine_after_the_event_and_cont_clears_the_status(void)
{
    BlockBackend *blk = open_null(",werror=stop");
    int device;
    block_backend_attach(blk, &device, "/machine/x");
    block_backend_set_on_error(blk, BLOCKDEV_ON_ERROR_AUTO, BLOCKDEV_ON_ERROR_AUTO);
    vm_start();
    g_string_truncate(events, 0);
    g_assert_cmpstr(io_status(), ==, "ok");
    assert_action(blk, false, EIO, BLOCK_ERROR_STOP);
    g_assert_true(runstate_is_running()); /* a request's end is no place to stop at */
    run_deferred();
    g_assert_cmpstr(runstate_name(runstate_get()), ==, "io-error");
    g_assert_nonnull(strstr(events->str, "\"action\": \"stop\""));
    g_assert_nonnull(strstr(events->str, "STOP"));
    g_assert_true(strstr(events->str, "BLOCK_IO_ERROR") < strstr(events->str, "\nSTOP"));
    g_assert_cmpstr(io_status(), ==, "failed");
    vm_start();
    g_assert_cmpstr(io_status(), ==, "ok");
    assert_action(blk, false, ENOSPC, BLOCK_ERROR_STOP);
    run_deferred();
    g_assert_cmpstr(io_status(), ==, "nospace");
    vm_start();
    vm_stop(RUN_STATE_PAUSED);
    close_backend(blk);
}

static void status_is_shown_only_where_an_error_can_stop(void)
{
    int device;
    BlockBackend *blk = open_null("");
    block_backend_attach(blk, &device, "/machine/x");
    block_backend_set_on_error(blk, BLOCKDEV_ON_ERROR_IGNORE, BLOCKDEV_ON_ERROR_REPORT);
    g_assert_cmpstr(io_status(), ==, "none");
    block_backend_set_on_error(blk, BLOCKDEV_ON_ERROR_STOP, BLOCKDEV_ON_ERROR_REPORT);
    g_assert_cmpstr(io_status(), ==, "ok");
    block_backend_detach(blk, &device);
    g_assert_cmpstr(io_status(), ==, "none");
    close_backend(blk);
}

static void drive_goes_with_its_unplugged_device(void)
{
    int device;
    GError *error = NULL;
    BlockBackend *blk = open_null("");
    block_backend_attach(blk, &device, "/machine/x");
    block_backend_mark_auto_delete(blk);
    block_backend_detach(blk, &device);
    g_assert_null(block_backend_by_name("d0"));
    block_backend_unref(blk);
    g_assert_null(block_node_find("n0"));
    g_assert_true(add_drive(&error, "if=none,id=d0,driver=null-co,node-name=n0"));
    block_close_all();
}

static void images_opened_for_a_migration_wait_for_its_end(void)
{
    g_autoimage path = image_new(1 * MiB);
    GError *error = NULL;
    uint8_t sector[SECTOR_SIZE] = { 1 };
    runstate_set(RUN_STATE_PRELAUNCH);
    runstate_set(RUN_STATE_INMIGRATE);
    add_drive(&error, "if=none,id=src,format=raw,file=%s", path);
    g_assert_no_error(error);
    BlockBackend *blk = block_backend_get("src");
    g_assert_true(block_backend_permit(blk, true, false, &error));
    g_assert_cmpint(block_write_sync(blk, 0, sector, SECTOR_SIZE, 0), ==, -EPERM);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    struct flock lock = { .l_type = F_WRLCK, .l_start = 0, .l_len = 0 };
    g_assert_cmpint(fcntl(fd, F_OFD_GETLK, &lock), ==, 0);
    g_assert_cmpint(lock.l_type, ==, F_UNLCK);
    g_assert_true(block_activate_all(&error));
    g_assert_cmpint(block_write_sync(blk, 0, sector, SECTOR_SIZE, 0), ==, 0);
    lock.l_type = F_WRLCK;
    g_assert_cmpint(fcntl(fd, F_OFD_GETLK, &lock), ==, 0);
    g_assert_cmpint(lock.l_type, ==, F_RDLCK);
    close(fd);
    close_backend(blk);
    runstate_set(RUN_STATE_PRELAUNCH);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    events = g_string_new(NULL);
    event_hook = note_event;
    main_loop_init();
#define T(name) g_test_add_func("/block-policy/" #name, name)
    T(defaults_report_reads_and_stop_on_full);
    T(policies_of_the_drive_are_kept);
    T(policies_of_the_device_win);
    T(event_tells_what_and_why);
    T(event_says_whether_space_is_short_where_that_can_stop);
    T(stop_stops_the_machine_after_the_event_and_cont_clears_the_status);
    T(status_is_shown_only_where_an_error_can_stop);
    T(drive_goes_with_its_unplugged_device);
    T(images_opened_for_a_migration_wait_for_its_end);
#undef T
    int status = g_test_run();
    g_string_free(events, TRUE);
    return status;
}

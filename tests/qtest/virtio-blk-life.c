/*
 * The virtio block device in trouble and over its life: errors of the host and what its policy makes of them, the write
 * cache, resets, stops, hot plug, and what it refuses to start with.
 */
#include "blk-guest.h"

#define NULL_DISK "-blockdev null-co,node-name=d0,size=10485760,read-zeroes=on"
#define SLOW_DISK "-blockdev null-co,node-name=d0,size=10485760,latency-ns=150000000"

/* A disk whose requests of one kind fail: once, or each time. */
#define FAILING(rule) "-blockdev null-co,node-name=n0,size=10485760 " \
                      "-blockdev driver=blkdebug,node-name=b0,image=n0,discard=unmap,inject-error.0." rule " " \
                      "-blockdev driver=raw,node-name=d0,file=b0,discard=unmap"
#define WRITE_EIO FAILING("event=write_aio")
#define WRITE_EIO_ONCE FAILING("event=write_aio,inject-error.0.once=on")
#define WRITE_FULL_ONCE FAILING("event=write_aio,inject-error.0.errno=28,inject-error.0.once=on")
#define READ_EIO FAILING("event=read_aio")
#define READ_EIO_ONCE                                                                                                  \
    FAILING("event=read_aio,inject-error.0.once=on,inject-error.0.sector=5") /* not the partition table */

static void assert_event(Guest *g, const char *operation, const char *action, const char *reason)
{
    g_autoptr(Json) event = qtest_event(g->qt, "BLOCK_IO_ERROR");
    Json *data = json_member(event, "data");
    g_assert_cmpstr(json_member_string(data, "device", "?"), ==, "");
    g_assert_cmpstr(json_member_string(data, "node-name", "?"), ==, "d0");
    g_assert_cmpstr(json_member_string(data, "operation", "?"), ==, operation);
    g_assert_cmpstr(json_member_string(data, "action", "?"), ==, action);
    g_assert_cmpstr(json_member_string(data, "reason", "?"), ==, reason);
}

static void assert_state(Guest *g, const char *state, const char *io_status)
{
    g_autoptr(Json) status = qtest_qmp_ok(g->qt, "{'execute': 'query-status'}");
    g_autoptr(Json) drive = blk_query(g);
    g_assert_cmpstr(json_member_string(status, "status", "?"), ==, state);
    g_assert_cmpstr(json_member_string(drive, "io-status", "?"), ==, io_status);
}

static void cont(Guest *g)
{
    json_unref(qtest_qmp_ok(g->qt, "{'execute': 'cont'}"));
}

/* ---- Errors ---- */

static void errors_are_reported_by_default(void)
{
    Guest g = blk_boot(WRITE_EIO, "");
    g_assert_cmpuint(blk_write(&g, 0, SECTOR), ==, BLK_IOERR);
    assert_event(&g, "write", "report", "Input/output error");
    g_assert_cmpuint(blk_read(&g, 0, SECTOR), ==, BLK_OK);
    assert_state(&g, "running", "ok");
    g_assert_cmpint(blk_statistic(&g, "failed_wr_operations"), ==, 1);
    blk_shut_down(&g);
    g = blk_boot(READ_EIO, "");
    g_assert_cmpuint(blk_read(&g, 0, SECTOR), ==, BLK_IOERR);
    assert_event(&g, "read", "report", "Input/output error");
    g_assert_cmpint(blk_statistic(&g, "failed_rd_operations"), ==, 1);
    blk_shut_down(&g);
}

static void flush_discard_and_zeroes_fail_as_writes(void)
{
    static const struct {
        const char *disk;
        uint32_t type;
    } cases[] = {
        { FAILING("event=flush_to_disk"), BLK_FLUSH },
        { FAILING("event=none,inject-error.0.iotype=discard"), BLK_DISCARD },
        { FAILING("event=none,inject-error.0.iotype=write-zeroes"), BLK_ZEROES },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        Guest g = blk_boot(cases[i].disk, "");
        uint8_t status = cases[i].type == BLK_FLUSH ? blk_request(&g, BLK_FLUSH, 0, 0, false, NULL)
                                                    : blk_segment(&g, cases[i].type, 0, 8, 0);
        g_assert_cmpuint(status, ==, BLK_IOERR);
        assert_event(&g, "write", "report", "Input/output error");
        blk_shut_down(&g);
    }
}

static void ignored_errors_look_like_success(void)
{
    Guest g = blk_boot(WRITE_EIO, ",werror=ignore,rerror=ignore");
    g_assert_cmpuint(blk_write(&g, 0, SECTOR), ==, BLK_OK);
    assert_event(&g, "write", "ignore", "Input/output error");
    assert_state(&g, "running", "?");
    blk_shut_down(&g);
}

/* The request waits while the machine stands, and is tried again by cont. */
static void stops_and_goes_on(const char *disk, const char *device, bool write, const char *reason,
                              const char *io_status)
{
    Guest g = blk_boot(disk, device);
    blk_submit(&g, write ? BLK_OUT : BLK_IN, 5, SECTOR, !write);
    assert_event(&g, write ? "write" : "read", "stop", reason);
    json_unref(qtest_event(g.qt, "STOP"));
    assert_state(&g, "io-error", io_status);
    g_assert_cmpuint(qtest_readb(g.qt, g.status), ==, BLK_NONE);
    cont(&g);
    qvirtqueue_wait(g.q, NULL);
    g_assert_cmpuint(qtest_readb(g.qt, g.status), ==, BLK_OK);
    assert_state(&g, "running", "ok");
    blk_shut_down(&g);
}

static void full_host_stops_the_machine_by_default(void)
{
    stops_and_goes_on(WRITE_FULL_ONCE, "", true, "No space left on device", "nospace");
}

static void errors_stop_the_machine_when_told(void)
{
    stops_and_goes_on(WRITE_EIO_ONCE, ",werror=stop", true, "Input/output error", "failed");
    stops_and_goes_on(READ_EIO_ONCE, ",rerror=stop", false, "Input/output error", "failed");
}

static void error_that_stays_stops_again(void)
{
    Guest g = blk_boot(WRITE_EIO, ",werror=stop");
    blk_submit(&g, BLK_OUT, 5, SECTOR, false);
    for (unsigned i = 0; i < 3; i++) {
        assert_event(&g, "write", "stop", "Input/output error");
        json_unref(qtest_event(g.qt, "STOP"));
        assert_state(&g, "io-error", "failed");
        g_assert_cmpuint(qtest_readb(g.qt, g.status), ==, BLK_NONE);
        cont(&g);
    }
    blk_shut_down(&g);
}

static void many_stopped_requests_go_on_in_their_order(void)
{
    enum { N = 8 };
    Guest g = blk_boot(WRITE_FULL_ONCE, "");
    for (unsigned i = 0; i < N; i++) { /* neighbours: they go to the host, and fail, as one */
        blk_set_header(&g, g.header + 32 * i, BLK_OUT, i);
        qtest_writeb(g.qt, g.status + i, BLK_NONE);
        qvirtqueue_add(g.q, (QVirtBuffer[]){ { g.header + 32 * i, 16, false }, { g.data + i * SECTOR, SECTOR, false },
                                             { g.status + i, 1, true } }, 3);
    }
    qvirtqueue_ring(g.q);
    json_unref(qtest_event(g.qt, "STOP"));
    uint16_t id;
    g_assert_false(qvirtqueue_get(g.q, &id, NULL));
    cont(&g);
    for (unsigned i = 0; i < N; i++) {
        g_assert_cmpuint(qvirtqueue_wait(g.q, NULL), ==, 3 * i);
        g_assert_cmpuint(qtest_readb(g.qt, g.status + i), ==, BLK_OK);
    }
    blk_shut_down(&g);
}

static void reset_forgets_stopped_requests(void)
{
    Guest g = blk_boot(WRITE_EIO, ",werror=stop");
    blk_submit(&g, BLK_OUT, 5, SECTOR, false);
    json_unref(qtest_event(g.qt, "STOP"));
    qvirtio_set_status(g.v, 0);
    cont(&g);
    qvirtqueue_free(g.q);
    blk_drive(&g, BLK_ALL);
    g_assert_cmpuint(blk_read(&g, 0, SECTOR), ==, BLK_OK);
    assert_state(&g, "running", "ok");
    blk_shut_down(&g);
}

/* ---- Write cache ---- */

static bool cached(Guest *g)
{
    g_autoptr(Json) drive = blk_query(g);
    return json_member_bool(json_member(json_member(drive, "inserted"), "cache"), "writeback", false);
}

static void assert_cache(Guest *g, bool on)
{
    g_assert_cmpuint(blk_config(g, 32, 1), ==, on);
    g_assert_true(cached(g) == on);
}

static void redrive(Guest *g, uint64_t features)
{
    qvirtqueue_free(g->q);
    blk_drive(g, features);
}

static void driver_chooses_the_write_cache(void)
{
    Guest g = blk_boot(NULL_DISK, "");
    assert_cache(&g, true);
    blk_set_config(&g, 32, 1, 0);
    assert_cache(&g, false);
    g_assert_cmpuint(blk_write(&g, 0, SECTOR), ==, BLK_OK);
    blk_set_config(&g, 32, 1, 5);
    assert_cache(&g, true);
    blk_set_config(&g, 32, 1, 0);
    blk_set_config(&g, 0, 4, 77);
    g_assert_cmpuint(blk_config(&g, 0, 4), ==, 20480);
    assert_cache(&g, false);
    qvirtio_set_status(g.v, 0);
    assert_cache(&g, true); /* as the user had it */
    blk_shut_down(&g);
}

static void driver_without_the_choice_has_it_by_what_it_can(void)
{
    const uint64_t flush = 1 << 9, choice = 1 << 11;
    Guest g = blk_boot(NULL_DISK, ",write-cache=off");
    assert_cache(&g, false);
    redrive(&g, BLK_ALL & ~(flush | choice));
    assert_cache(&g, false);
    redrive(&g, BLK_ALL & ~choice);
    assert_cache(&g, true);
    redrive(&g, BLK_ALL & ~flush);
    assert_cache(&g, false);
    blk_shut_down(&g);
    g = blk_boot(NULL_DISK, "");
    redrive(&g, BLK_ALL & ~(flush | choice));
    assert_cache(&g, false);
    redrive(&g, BLK_ALL & ~flush);
    assert_cache(&g, true);
    blk_shut_down(&g);
}

/* ---- Requests in flight when something happens ---- */

static void reset_waits_for_requests_in_flight(void)
{
    Guest g = blk_boot(SLOW_DISK, "");
    blk_submit(&g, BLK_IN, 0, SECTOR, true);
    qvirtio_set_status(g.v, 0);
    g_assert_cmpuint(qvirtio_status(g.v), ==, 0);
    redrive(&g, BLK_ALL);
    g_assert_cmpuint(blk_read(&g, 0, SECTOR), ==, BLK_OK);
    blk_shut_down(&g);
}

static void machine_reset_and_quit_wait_for_requests_in_flight(void)
{
    Guest g = blk_boot(SLOW_DISK, "");
    blk_submit(&g, BLK_IN, 0, SECTOR, true);
    json_unref(qtest_qmp_ok(g.qt, "{'execute': 'system_reset'}"));
    json_unref(qtest_event(g.qt, "RESET"));
    blk_shut_down(&g);
    g = blk_boot(SLOW_DISK, "");
    blk_submit(&g, BLK_IN, 0, SECTOR, true);
    blk_shut_down(&g);
}

static void stop_ends_requests_in_flight_and_starts_none(void)
{
    Guest g = blk_boot(SLOW_DISK, "");
    blk_submit(&g, BLK_IN, 0, SECTOR, true);
    json_unref(qtest_qmp_ok(g.qt, "{'execute': 'stop'}"));
    g_assert_cmpuint(qtest_readb(g.qt, g.status), ==, BLK_OK);
    qvirtqueue_wait(g.q, NULL);
    blk_submit(&g, BLK_IN, 0, SECTOR, true);
    g_usleep(300000);
    g_assert_cmpuint(qtest_readb(g.qt, g.status), ==, BLK_NONE);
    cont(&g);
    qvirtqueue_wait(g.q, NULL);
    g_assert_cmpuint(qtest_readb(g.qt, g.status), ==, BLK_OK);
    blk_shut_down(&g);
}

static void queue_reset_waits_for_its_requests(void)
{
    Guest g = blk_machine(NULL, "q35", SLOW_DISK, "");
    blk_drive(&g, BLK_ALL | QVIRTIO_F(QVIRTIO_F_RING_RESET));
    blk_submit(&g, BLK_IN, 0, SECTOR, true);
    qvirtio_write(g.v, QVIRTIO_Q_SELECT, 2, 0);
    qvirtio_write(g.v, QVIRTIO_Q_RESET, 2, 1);
    g_assert_cmpuint(qvirtio_read(g.v, QVIRTIO_Q_RESET, 2), ==, 0);
    g_assert_cmpuint(qvirtio_read(g.v, QVIRTIO_Q_ENABLE, 2), ==, 0);
    qvirtqueue_restart(g.q);
    g_assert_cmpuint(blk_read(&g, 0, SECTOR), ==, BLK_OK);
    blk_shut_down(&g);
}

static void unplugged_drive_is_gone_and_its_image_free(void)
{
    char *path = blk_image(1 << 20);
    QTest *qt = qtest_start(
        NULL, "-M q35 -global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off "
        "-device pcie-root-port,id=rp0,chassis=1 -drive if=none,id=x,format=raw,file=%s", path);
    json_unref(qtest_qmp_ok(qt, "{'execute': 'device_add', 'arguments': {'driver': 'virtio-blk-pci', 'id': 'v', "
                            "'drive': 'x', 'bus': 'rp0'}}"));
    g_autofree char *twice = qtest_qmp_error(qt, "{'execute': 'device_add', 'arguments': {'driver': 'virtio-blk-pci', "
                                             "'id': 'w', 'drive': 'x', 'bus': 'rp0', 'addr': '0.1'}}");
    g_assert_cmpstr(twice, ==, "Drive 'x' is already in use by another device");
    g_autofree char *bad = qtest_qmp_error(qt, "{'execute': 'device_add', 'arguments': {'driver': 'virtio-blk-pci', "
                                           "'id': 'w', 'drive': 'nothing', 'bus': 'rp0'}}");
    g_assert_cmpstr(bad, ==, "Property 'virtio-blk-device.drive' can't find value 'nothing'");
    json_unref(qtest_qmp_ok(qt, "{'execute': 'device_del', 'arguments': {'id': 'v'}}"));
    json_unref(qtest_event(qt, "DEVICE_DELETED"));
    json_unref(qtest_event(qt, "DEVICE_DELETED"));
    g_autoptr(Json) drives = qtest_qmp_ok(qt, "{'execute': 'query-block'}");
    g_autoptr(Json) nodes = qtest_qmp_ok(qt, "{'execute': 'query-named-block-nodes'}");
    g_assert_cmpuint(json_count(drives), ==, 0);
    g_assert_cmpuint(json_count(nodes), ==, 0);
    qtest_quit(qt);
    blk_image_free(path);
}

/* The guest lets the disk go while it works: the slot's power goes off, or the machine is reset. */
static void unplug_waits_for_requests_in_flight(void)
{
    for (int by_reset = 0; by_reset < 2; by_reset++) {
        Guest g = blk_machine("7.2", by_reset ? "pc-q35-7.2" : "pc-q35-6.0", SLOW_DISK, "");
        QPCIDevice port = qpci_device(g.bus, 0, 1, 0);
        uint16_t control = qpci_find_cap(port, 0x10, 0) + 0x18;

        blk_drive(&g, BLK_ALL);
        qpci_writew(port, control, 0x01c0); /* power indicator on, power on */
        for (unsigned i = 0; i < 3; i++) {
            blk_submit(&g, BLK_IN, 8 * i, SECTOR, true);
        }
        json_unref(qtest_qmp_ok(g.qt, "{'execute': 'device_del', 'arguments': {'id': 'v0'}}"));
        if (by_reset) {
            json_unref(qtest_qmp_ok(g.qt, "{'execute': 'system_reset'}"));
        } else {
            qpci_writew(port, control, 0x07c0); /* indicator off, power off */
        }
        json_unref(qtest_event(g.qt, "DEVICE_DELETED"));
        json_unref(qtest_event(g.qt, "DEVICE_DELETED"));
        g_assert_cmphex(qtest_readb(g.qt, g.status), ==, BLK_OK); /* not written later, to memory that is another's */
        if (!by_reset) {
            g_assert_false(qpci_present(qpci_device(g.bus, 1, 0, 0)));
        }
        json_unref(qtest_qmp_ok(g.qt, "{'execute': 'blockdev-del', 'arguments': {'node-name': 'd0'}}"));
        blk_shut_down(&g);
    }
}

/* ---- Size ---- */

static void driver_hears_of_a_new_size(void)
{
    char *path = blk_image(1 << 20);
    g_autofree char *drive = g_strdup_printf("-drive if=none,id=d0,format=raw,file=%s", path);
    Guest g = blk_boot(drive, "");
    uint8_t before = qvirtio_read(g.v, QVIRTIO_GENERATION, 1);
    g_assert_cmpuint(blk_read(&g, 2048, SECTOR), ==, BLK_IOERR);
    qvirtio_isr(g.v);
    json_unref(qtest_qmp_ok(g.qt, "{'execute': 'block_resize', 'arguments': {'device': 'd0', 'size': 2097152}}"));
    g_assert_cmpuint(qvirtio_read(g.v, QVIRTIO_GENERATION, 1), !=, before);
    g_assert_cmpuint(qvirtio_isr(g.v) & 2, ==, 2);
    g_assert_cmpuint(blk_config(&g, 0, 4), ==, 4096);
    g_assert_cmpuint(blk_write(&g, 4095, SECTOR), ==, BLK_OK);
    json_unref(qtest_qmp_ok(g.qt, "{'execute': 'block_resize', 'arguments': {'device': 'd0', 'size': 512}}"));
    g_assert_cmpuint(blk_config(&g, 0, 4), ==, 1);
    g_assert_cmpuint(blk_read(&g, 1, SECTOR), ==, BLK_IOERR);
    blk_shut_down(&g);
    blk_image_free(path);
}

static void impossible_sizes_are_refused(void)
{
    static const struct {
        const char *arguments, *words;
    } cases[] = {
        { "'device': 'd0', 'size': -1", "Parameter 'size' expects a >0 size" },
        { "'device': 'x', 'size': 1", "Cannot find device='x' nor node-name=''" },
        { "'node-name': 'y', 'size': 1", "Cannot find device='' nor node-name='y'" },
        { "'node-name': 'n0', 'size': 1024", "Image format driver does not support resize" },
        { "'node-name': 'w0', 'size': 1024", "Cannot resize fixed-size raw disks" },
        { "'device': 'e0', 'size': 5", "Device 'e0' has no medium" },
        { "'node-name': 'ro', 'size': 4096", "Image is read-only" },
        { "'device': 'd0', 'size': 4611686018427387904", "Could not resize file: File too large" },
    };
    char *path = blk_image(1 << 20);
    QTest *qt = qtest_start(NULL, "-M q35 -drive if=none,id=d0,format=raw,file=%s -blockdev null-co,node-name=n0 "
                            "-blockdev raw,node-name=w0,size=512,file.driver=null-co -drive if=none,id=e0 "
                            "-blockdev raw,node-name=ro,read-only=on,file.driver=null-co", path);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *said = qtest_qmp_error(qt, "{'execute': 'block_resize', 'arguments': {%s}}", cases[i].arguments);
        g_assert_cmpstr(said, ==, cases[i].words);
    }
    qtest_quit(qt);
    blk_image_free(path);
}

/* ---- Migration ---- */

/* The guest goes on in another process. */
static void migrate(Guest *g, const char *disk, const char *device)
{
    g_autofree char *path = g_strdup_printf("%s/state", qtest_dir(g->qt));
    json_unref(qtest_qmp_ok(g->qt, "{'execute': 'migrate', 'arguments': {'uri': 'exec:cat > %s'}}", path));
    for (bool done = false; !done;) {
        g_autoptr(Json) status = qtest_qmp_ok(g->qt, "{'execute': 'query-migrate'}");
        const char *word = json_member_string(status, "status", "");
        g_assert_cmpstr(word, !=, "failed");
        done = !strcmp(word, "completed");
    }
    QTest *to = qtest_start(NULL, "-M q35 -m 64 -device pcie-root-port,id=rp0,addr=1.0,chassis=1,slot=1 %s "
                            "-device virtio-blk-pci,id=v0,drive=d0,bus=rp0%s -incoming 'exec:cat %s'", disk, device, path);
    for (bool done = false; !done;) {
        g_autoptr(Json) status = qtest_qmp_ok(to, "{'execute': 'query-status'}");
        done = strcmp(json_member_string(status, "status", ""), "inmigrate");
    }
    qtest_quit(g->qt);
    g->qt = g->bus->qt = g->v->qt = to;
}

static void stopped_requests_go_on_at_the_destination(const char *device)
{
    enum { N = 4 };
    char *path = blk_image(1 << 20);
    g_autofree char *bad = g_strdup_printf(
        "-blockdev driver=file,filename=%s,node-name=f0 -blockdev driver=blkdebug,node-name=b0,image=f0,"
        "inject-error.0.event=write_aio,inject-error.0.errno=28 -blockdev driver=raw,node-name=d0,file=b0", path);
    g_autofree char *good = g_strdup_printf("-blockdev driver=file,filename=%s,node-name=f0 "
                                            "-blockdev driver=raw,node-name=d0,file=f0", path);
    Guest g = blk_boot(bad, device);
    qtest_memset(g.qt, g.data, 0x5a, 4096);
    for (unsigned i = 0; i < N; i++) { /* apart from each other, so that none is merged */
        blk_set_header(&g, g.header + 32 * i, BLK_OUT, 8 * i + i);
        qtest_writeb(g.qt, g.status + i, BLK_NONE);
        qvirtqueue_add(g.q, (QVirtBuffer[]){ { g.header + 32 * i, 16, false }, { g.data + 512 * i, SECTOR, false },
                                             { g.status + i, 1, true } }, 3);
    }
    qvirtqueue_ring(g.q);
    json_unref(qtest_event(g.qt, "STOP"));
    migrate(&g, good, device);
    assert_state(&g, "io-error", "ok");
    g_assert_cmpuint(qtest_readb(g.qt, g.status), ==, BLK_NONE);
    cont(&g);
    for (unsigned i = 0; i < N; i++) {
        qvirtqueue_wait(g.q, NULL);
    }
    for (unsigned i = 0; i < N; i++) {
        g_assert_cmpuint(qtest_readb(g.qt, g.status + i), ==, BLK_OK);
        g_assert_cmpint(blk_image_byte(path, (8 * i + i) * SECTOR), ==, 0x5a);
    }
    g_assert_cmpuint(blk_read(&g, 9, SECTOR), ==, BLK_OK);
    blk_shut_down(&g);
    blk_image_free(path);
}

static void stopped_requests_migrate(void)
{
    stopped_requests_go_on_at_the_destination("");
}

static void stopped_requests_migrate_with_their_queue(void)
{
    stopped_requests_go_on_at_the_destination(",num-queues=2");
}

static void rings_migrate(void)
{
    Guest g = blk_boot(NULL_DISK, "");
    g_assert_cmpuint(blk_read(&g, 1, SECTOR), ==, BLK_OK);
    migrate(&g, NULL_DISK, "");
    g_assert_cmpuint(blk_read(&g, 2, SECTOR), ==, BLK_OK);
    g_assert_cmpuint(blk_write(&g, 3, SECTOR), ==, BLK_OK);
    blk_shut_down(&g);
}

/* What the driver chose by its features comes along; what it wrote does not, as elsewhere. */
static void write_cache_by_features_migrates(void)
{
    const uint64_t flush = 1 << 9, choice = 1 << 11;
    Guest g = blk_boot(NULL_DISK, "");
    redrive(&g, BLK_ALL & ~(flush | choice));
    migrate(&g, NULL_DISK, "");
    assert_cache(&g, false);
    blk_shut_down(&g);
    g = blk_boot(NULL_DISK, "");
    blk_set_config(&g, 32, 1, 0);
    migrate(&g, NULL_DISK, "");
    assert_cache(&g, true);
    blk_shut_down(&g);
}

/* ---- Refusals ---- */

static void bad_disks_are_refused(void)
{
    static const struct {
        const char *device, *words;
    } cases[] = {
        { "", "drive property not set" },
        { ",drive=", "drive property not set" },
        { ",drive=x", "Property 'virtio-blk-device.drive' can't find value 'x'" },
        { ",drive=e", "Device needs media, but drive is empty" },
        { ",drive=d0 -device virtio-blk-pci,drive=d0", "unshared by block device" },
        { ",drive=d0,num-queues=0", "num-queues property must be larger than 0" },
        { ",drive=d0,num-queues=1025", "num-queues property must be at most 1024" },
        { ",drive=d0,queue-size=2", "invalid queue-size property (2), must be > 2" },
        { ",drive=d0,queue-size=100", "invalid queue-size property (100), must be a power of 2 (max 1024)" },
        { ",drive=d0,queue-size=2048", "invalid queue-size property (2048), must be a power of 2 (max 1024)" },
        { ",drive=d0,logical_block_size=256",
         "Property .logical_block_size doesn't take value 256 (minimum: 512, maximum: 2097152)" },
        { ",drive=d0,logical_block_size=1000",
         "Property .logical_block_size doesn't take value '1000', it's not a power of 2" },
        { ",drive=d0,logical_block_size=4096", "logical_block_size > physical_block_size not supported" },
        { ",drive=d0,min_io_size=1000", "min_io_size must be a multiple of logical_block_size" },
        { ",drive=d0,min_io_size=33554432", "min_io_size must not exceed 65535 logical blocks" },
        { ",drive=d0,opt_io_size=1000", "opt_io_size must be a multiple of logical_block_size" },
        { ",drive=d0,discard_granularity=1000", "discard_granularity must be a multiple of logical_block_size" },
        { ",drive=d0,max-discard-sectors=0",
          "invalid max-discard-sectors property (0), must be between 1 and 4194303" },
        { ",drive=d0,max-write-zeroes-sectors=4194304",
         "invalid max-write-zeroes-sectors property (4194304), must be between 1 and 4194303" },
        { ",drive=d0,werror=foo", "Parameter 'werror' does not accept value 'foo'" },
        { ",drive=d0,cyls=5", "heads must be between 1 and 255" },
        { ",drive=d0,cyls=70000,heads=3,secs=3", "cyls must be between 1 and 65535" },
        { ",drive=d0,cyls=5,heads=255,secs=256", "secs must be between 1 and 255" },
        { ",drive=d0,scsi=on", "Please set scsi=off for virtio-blk devices in order to use virtio 1.0" },
        { ",drive=d0,bootindex=5 -blockdev null-co,node-name=d1 -device virtio-blk-pci,drive=d1,bootindex=5",
         "The bootindex 5 has already been used" },
        { ",drive=d0,iothread=foo", "Device 'foo' not found" },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *said = qtest_start_fails(
            NULL, "-M q35 " NULL_DISK " -drive if=none,id=e -device virtio-blk-pci%s", cases[i].device);
        if (!strstr(said, cases[i].words)) {
            g_error("%s: %s", cases[i].device, said);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define T(name) g_test_add_func("/virtio-blk-life/" #name, name)
    T(errors_are_reported_by_default);
    T(flush_discard_and_zeroes_fail_as_writes);
    T(ignored_errors_look_like_success);
    T(full_host_stops_the_machine_by_default);
    T(errors_stop_the_machine_when_told);
    T(error_that_stays_stops_again);
    T(many_stopped_requests_go_on_in_their_order);
    T(reset_forgets_stopped_requests);
    T(driver_chooses_the_write_cache);
    T(driver_without_the_choice_has_it_by_what_it_can);
    T(reset_waits_for_requests_in_flight);
    T(machine_reset_and_quit_wait_for_requests_in_flight);
    T(stop_ends_requests_in_flight_and_starts_none);
    T(queue_reset_waits_for_its_requests);
    T(unplugged_drive_is_gone_and_its_image_free);
    T(unplug_waits_for_requests_in_flight);
    T(driver_hears_of_a_new_size);
    T(impossible_sizes_are_refused);
    T(stopped_requests_migrate);
    T(stopped_requests_migrate_with_their_queue);
    T(rings_migrate);
    T(write_cache_by_features_migrates);
    T(bad_disks_are_refused);
#undef T
    return g_test_run();
}

/* -drive, -blockdev, blockdev-del: what they refuse and in which words, and what queries show of what they made. */
#include "block-image.h"

#include <sys/stat.h>

#include "util/fdset.h"

typedef struct Refusal {
    const char *options, *words;
} Refusal;

static char *image;     /* 1 MiB; "@" in options stands for it */

static char *expand(const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, "@", -1);
    return g_strjoinv(image, parts);
}

static const Refusal drive_refusals[] = {
    { "if=none,id=d,format=raw,file=absent", "Could not open 'absent': No such file or directory" },
    { "if=none,id=d,format=raw,file=/var/tmp", "'file' driver requires '/var/tmp' to be a regular file" },
    { "if=none,id=d,format=raw", "A block device must be specified for \"file\"" },
    { "if=none,id=d,format=raw,file=", "A block device must be specified for \"file\"" },
    { "if=none,id=d,file=@,format=foo", "Unknown driver 'foo'" },
    { "if=foo,id=d,file=@,format=raw", "unsupported bus type 'foo'" },
    { "if=none,id=d,format=raw,file=@,cache=foo", "invalid cache option" },
    { "if=none,id=d,format=raw,file=@,aio=foo", "invalid aio option" },
    { "if=none,id=d,format=raw,file=@,aio=native",
     "aio=native was specified, but it requires cache.direct=on, which was not specified." },
    { "if=none,id=d,format=raw,file=@,discard=foo", "Invalid discard option" },
    { "if=none,id=d,format=raw,file=@,detect-zeroes=foo", "invalid parameter value: foo" },
    { "if=none,id=d,format=raw,file=@,rerror=foo", "'foo' invalid read error action" },
    { "if=none,id=d,format=raw,file=@,rerror=enospc", "'enospc' invalid read error action" },
    { "if=none,id=d,format=raw,file=@,werror=foo", "'foo' invalid write error action" },
    { "if=none,id=d,format=raw,file=@,snapshot=foo", "Parameter 'snapshot' expects 'on' or 'off'" },
    { "if=none,id=d,format=raw,file=@,media=foo", "'foo' invalid media" },
    { "if=none,id=d,format=raw,file=@,foo=bar", "Block format 'raw' does not support the option 'foo'" },
    { "if=none,id=d,format=raw,file=@,serial=x", "Block format 'raw' does not support the option 'serial'" },
    { "if=none,id=d,format=raw,file=@,locking=foo", "Block format 'raw' does not support the option 'locking'" },
    { "if=none,id=d,format=raw,file=@,file.locking=foo", "invalid parameter value: foo" },
    { "if=none,id=d,format=raw,file=@,file.foo=1", "Block protocol 'file' doesn't support the option 'foo'" },
    { "if=none,id=d,format=raw,file=@,index=foo", "Parameter 'index' expects a number" },
    { "if=none,id=d,format=raw,file=@,readonly=on,read-only=off",
     "'read-only' and its alias 'readonly' can't be used at the same time" },
    { "if=none,id=d,format=raw,file=@,readonly=foo", "Parameter 'read-only' expects 'on' or 'off'" },
    { "if=none,id=d,format=raw,file=@,cache.writeback=foo", "Parameter 'cache.writeback' expects 'on' or 'off'" },
    { "if=none,id=d,format=raw,file=@,node-name=d", "Device name 'd' conflicts with an existing node name" },
    { "if=none,id=d,format=raw,file=@,node-name=1x", "Invalid node-name: '1x'" },
    { "if=none,id=d,format=raw,file=@,node-name=thisisaverylongnodenameofmorethanthirtyone", "Node name too long" },
    { "if=none,id=taken,format=raw,file=@", "Duplicate ID 'taken' for drive" },
    { "if=none,id=node,format=raw,file=@", "Device name 'node' conflicts with an existing node name" },
    { "if=none,id=d,format=raw,file=foo:bar", "Unknown protocol 'foo'" },
    { "if=none,id=d,format=raw,file=./foo:bar", "Could not open './foo:bar': No such file or directory" },
    { "if=none,id=d,format=raw,file=host_device:@",
     "'host_device' driver requires '@' to be either a character or block device" },
    { "if=none,id=d,driver=file,file.filename=@", "The 'file' block driver requires a file name" },
    { "if=none,id=d,format=raw,driver=raw,file=@", "Cannot specify both 'driver' and 'format'" },
    { "if=none,id=d,format=raw,file=@,offset=512,size=1000", "Specified size is not multiple of 512" },
    { "if=none,id=d,format=raw,file=@,offset=2M",
     "Offset (2097152) cannot be greater than size of the containing file (1048576)" },
    { "if=none,id=d,format=raw,file=@,size=2M",
     "The sum of offset (0) and size (2097152) has to be smaller or equal to the  actual size of the containing file "
     "(1048576)" },
    { "if=virtio,file=@,format=raw,unit=1,bus=0,index=1", "index cannot be used with bus and unit" },
    { "if=virtio,file=@,format=raw,index=7", "drive with bus=0, unit=7 (index=7) exists" },
    { "if=none,id=d,driver=null-co,latency-ns=foo", "Parameter 'latency-ns' expects a number" },
    { "if=none,id=d,driver=null-co,latency-ns=-5", "latency-ns is invalid" },
    { "if=none,id=d,copy-on-read=on,format=raw,file=@", "copy-on-read is not supported" },
    { "if=none,id=d,file=@,throttling.foo=5,format=raw",
     "Block format 'raw' does not support the option 'throttling.foo'" },
    { "if=none,id=d,foo=on", "Must specify either driver or file" },
    { "if=none,id=d,format=raw,file=@,a=1,a.b=2", "Cannot mix scalar and non-scalar keys" },
};

static void refused_drives_say_why_and_leave_nothing(void)
{
    GError *error = NULL;
    add_drive(&error, "if=none,id=taken,driver=null-co");
    add_blockdev(&error, "driver=null-co,node-name=node");
    add_drive(&error, "if=virtio,index=7,driver=null-co");
    g_assert_no_error(error);
    unsigned nodes = block_nodes()->len, backends = block_backends->len;
    for (unsigned i = 0; i < G_N_ELEMENTS(drive_refusals); i++) {
        g_autofree char *options = expand(drive_refusals[i].options), *words = expand(drive_refusals[i].words);
        g_test_message("%s", options);
        assert_refused(add_drive(&error, "%s", options), &error, "%s", words);
        g_assert_cmpuint(block_nodes()->len, ==, nodes);
        g_assert_cmpuint(block_backends->len, ==, backends);
    }
    block_close_all();
}

static const Refusal blockdev_refusals[] = {
    { "driver=file,filename=@,node-name=f,foo=1", "Parameter 'foo' is unexpected" },
    { "driver=file,node-name=f", "Parameter 'filename' is missing" },
    { "driver=file,filename=absent,node-name=f", "Could not open 'absent': No such file or directory" },
    { "filename=@,node-name=f", "Parameter 'driver' is missing" },
    { "driver=foo,node-name=f", "Parameter 'driver' does not accept value 'foo'" },
    { "driver=file,filename=@", "'node-name' must be specified for the root node" },
    { "driver=null-co,node-name=1x", "Invalid node-name: '1x'" },
    { "driver=null-co,node-name=node", "Duplicate nodes with node-name='node'" },
    { "driver=null-co,node-name=taken", "node-name=taken is conflicting with a device id" },
    { "driver=raw,file=f0,node-name=r0", "Cannot find device='f0' nor node-name='f0'" },
    { "driver=raw,file=empty,node-name=r0", "Cannot find device='empty' nor node-name='empty'" },
    { "driver=raw,node-name=r0", "Parameter 'file' is missing" },
    { "driver=raw,node-name=r0,read-only=foo,file.driver=file,file.filename=@",
     "Parameter 'read-only' expects 'on' or 'off'" },
    { "driver=raw,node-name=r0,cache.foo=on,file.driver=file,file.filename=@", "Parameter 'cache.foo' is unexpected" },
    { "driver=raw,node-name=r0,cache=on,file.driver=file,file.filename=@",
     "Invalid parameter type for 'cache', expected: object" },
    { "driver=raw,node-name=r0,offset=foo,file.driver=file,file.filename=@", "Parameter 'offset' expects integer" },
    { "driver=raw,node-name=r0,size=3,file.driver=file,file.filename=@", "Specified size is not multiple of 512" },
    { "driver=raw,node-name=r0,file.driver=file,file.filename=@,file.bar=1", "Parameter 'file.bar' is unexpected" },
    { "driver=raw,node-name=r0,file.driver=bar", "Parameter 'file.driver' does not accept value 'bar'" },
    { "driver=null-co,node-name=n,size=1K", "Parameter 'size' expects integer" },
    { "driver=null-co,node-name=n,latency-ns=-1", "latency-ns is invalid" },
    { "{\"driver\":\"file\",\"filename\":\"@\",\"node-name\":\"f0\",\"read-only\":1}",
     "Invalid parameter type for 'read-only', expected: boolean" },
    { "{\"driver\":\"file\",\"filename\":\"@\",\"node-name\":\"f0\",\"read-only\":\"on\"}",
     "Invalid parameter type for 'read-only', expected: boolean" },
    { "{\"driver\":\"file\",\"filename\":7,\"node-name\":\"f0\"}",
     "Invalid parameter type for 'filename', expected: string" },
    { "{\"driver\":\"file\",\"filename\":\"@\",\"node-name\":\"f0\",\"discard\":\"x\"}",
     "Parameter 'discard' does not accept value 'x'" },
    { "{\"driver\":\"file\",\"filename\":\"@\",\"node-name\":\"f0\",\"aio\":\"x\"}",
     "Parameter 'aio' does not accept value 'x'" },
    { "{\"driver\":\"file\",\"filename\":\"@\",\"node-name\":\"f0\",\"locking\":\"x\"}",
     "Parameter 'locking' does not accept value 'x'" },
    { "{\"driver\":\"file\",\"filename\":\"@\",\"node-name\":\"f0\",\"pr-manager\":\"x\"}",
     "No persistent reservation manager with id 'x'" },
    { "{\"driver\":\"file\",\"filename\":\"@\",\"node-name\":\"f0\",\"detect-zeroes\":\"unmap\"}",
     "setting detect-zeroes to unmap is not allowed without setting discard operation to unmap" },
    { "{\"driver\":\"file\",\"filename\":\"/var/tmp\",\"node-name\":\"f0\"}",
     "Could not open '/var/tmp': Is a directory" },
    { "{\"driver\":\"file\",\"filename\":\"/dev/null\",\"node-name\":\"f0\"}",
     "'file' driver requires '/dev/null' to be a regular file" },
    { "{\"driver\":\"host_device\",\"filename\":\"@\",\"node-name\":\"f0\"}",
     "'host_device' driver requires '@' to be either a character or block device" },
    { "{\"driver\":\"null-co\",\"node-name\":\"n\",\"size\":\"5\"}",
     "Invalid parameter type for 'size', expected: integer" },
    { "{\"driver\":\"null-co\",\"node-name\":\"n\",\"size\":-1}",
     "Parameter 'size' expects a non-negative number below 2^64" },
    { "{\"driver\":\"null-co\",\"node-name\":\"n\",\"size\":18446744073709551615}", "Image is too large" },
    { "{\"driver\":\"null-co\",\"node-name\":\"n\",\"force-share\":true}",
     "force-share=on can only be used with read-only images" },
    { "{\"driver\":\"raw\",\"node-name\":\"r\",\"file\":5}",
      "Invalid parameter type for 'file', expected: BlockdevRef" },
    { "{\"driver\":\"raw\",\"node-name\":\"r\",\"file\":{\"drivr\":\"null-co\"}}",
      "Parameter 'file.driver' is missing" },
    { "{\"driver\":\"raw\",\"node-name\":\"r\",\"file\":\"node\",\"cache\":{\"direct\":1}}",
     "Invalid parameter type for 'cache.direct', expected: boolean" },
};

static void refused_blockdevs_say_why_and_leave_nothing(void)
{
    GError *error = NULL;
    add_drive(&error, "if=none,id=taken,driver=null-co");
    add_drive(&error, "if=none,id=empty");
    add_blockdev(&error, "driver=null-co,node-name=node");
    g_assert_no_error(error);
    unsigned nodes = block_nodes()->len;
    for (unsigned i = 0; i < G_N_ELEMENTS(blockdev_refusals); i++) {
        g_autofree char *options = expand(blockdev_refusals[i].options), *words = expand(blockdev_refusals[i].words);
        g_test_message("%s", options);
        assert_refused(add_blockdev(&error, "%s", options), &error, "%s", words);
        g_assert_cmpuint(block_nodes()->len, ==, nodes);
    }
    block_close_all();
}

static const char *const accepted_drives[] = {
    "if=none,id=d,format=raw,file=@",
    "if=none,id=d,format=raw,file=file:@",
    "if=none,id=d,format=file,file=@",
    "if=none,id=d,driver=file,filename=@",
    "if=none,id=d,format=raw,file.driver=file,file.filename=@",
    "if=none,id=d,format=raw,file.filename=@",
    "if=none,id=d,format=raw,file=/dev/null",
    "if=none,id=d,format=raw,file=/dev/zero",
    "if=none,id=d,format=raw,file=@,detect-zeroes=unmap",
    "if=none,id=d,format=raw,file=@,aio=native,cache=none",
    "if=none,id=d,format=raw,file=@,cache.direct=on,cache.no-flush=on,cache.writeback=off",
    "if=none,id=d,format=raw,file=@,media=cdrom",
    "if=none,id=d,media=cdrom",
    "if=none,id=d,driver=null-co,size=1G",
    "if=none,id=d,file=null-co://,format=raw,file.size=1G",
    "if=none,id=d,file=null-aio://,format=raw",
    "if=none,id=d,format=raw,file=@,media=disk,bus=1,unit=2",
    "if=none,id=d,format=raw,file=@,werror=stop,rerror=ignore",
    "if=none,id=d,format=raw,file=@,offset=512,size=1k,auto-read-only=off,discard=on",
};

static void accepted_drives_open(void)
{
    GError *error = NULL;
    for (unsigned i = 0; i < G_N_ELEMENTS(accepted_drives); i++) {
        g_autofree char *options = expand(accepted_drives[i]);
        g_test_message("%s", options);
        g_assert_true(add_drive(&error, "%s", options));
        g_assert_no_error(error);
        block_close_all();
    }
}

static void image_formats_that_are_not_raw_are_not_taken_for_raw(void)
{
    static const char *const heads[][2] = { { "QFI\xfb", "qcow2" }, { "KDMV", "vmdk" }, { "conectix", "vpc" } };
    for (unsigned i = 0; i < G_N_ELEMENTS(heads); i++) {
        g_autoimage path = image_new(64 * KiB);
        GError *error = NULL;
        int fd = open(path, O_WRONLY);
        g_assert_cmpint(write(fd, heads[i][0], strlen(heads[i][0])), >, 0);
        close(fd);
        assert_refused(add_drive(&error, "if=none,id=d,file=%s", path), &error, "Unknown driver '%s'", heads[i][1]);
        g_assert_true(add_drive(&error, "if=none,id=d,format=raw,file=%s", path));
        block_close_all();
    }
}

static void fifo_is_refused_without_waiting(void)
{
    g_autofree char *path = g_strconcat(image, ".fifo", NULL);
    GError *error = NULL;
    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
    assert_refused(add_drive(&error, "if=none,id=d,format=raw,file=%s", path), &error,
                   "'file' driver requires '%s' to be a regular file", path);
    unlink(path);
}

static void virtio_drives_want_devices_once(void)
{
    GError *error = NULL;
    add_drive(&error, "if=virtio,driver=null-co");
    add_drive(&error, "if=virtio,driver=null-co,index=3,addr=7");
    add_drive(&error, "if=none,driver=null-co");
    g_assert_no_error(error);
    g_autoptr(Json) devices = drive_take_devices(NULL, &error);
    g_autofree char *text = json_text(devices, false);
    g_assert_cmpstr(text, ==, "[{\"driver\": \"virtio-blk-pci\", \"drive\": \"virtio0\"}, "
                              "{\"driver\": \"virtio-blk-pci\", \"drive\": \"virtio3\", \"addr\": \"7\"}]");
    g_autoptr(Json) again = drive_take_devices(NULL, &error);
    g_assert_cmpuint(json_count(again), ==, 0);
    BlockBackend *none = block_backend_get("none0");
    g_assert_nonnull(none);
    close_backend(none);
}

static void interfaces_that_no_board_has_are_refused_late(void)
{
    GError *error = NULL;
    g_assert_true(add_drive(&error, "if=scsi,driver=null-co"));
    Json *devices = drive_take_devices(NULL, &error);
    assert_refused(devices != NULL, &error,
                   "-drive if=scsi,driver=null-co: machine type does not support if=scsi,bus=0,unit=0");
    g_assert_nonnull(block_backend_by_name("scsi0-hd0"));
    block_close_all();
}

static void snapshot_switch_is_the_default_of_snapshot(void)
{
    GError *error = NULL;
    drive_snapshot_all = true;
    add_drive(&error, "if=none,id=a,format=raw,file=%s", image);
    add_drive(&error, "if=none,id=b,format=raw,file=%s,snapshot=off", image);
    drive_snapshot_all = false;
    g_assert_no_error(error);
    g_assert_nonnull(block_backend_by_name("a")->root->node->backing);
    g_assert_null(block_backend_by_name("b")->root->node->backing);
    block_close_all();
}

static void descriptors_of_a_set_are_images(void)
{
    GError *error = NULL;
    int64_t set = 7;
    uint8_t sector[SECTOR_SIZE] = { 0x77 };
    assert_refused(add_drive(&error, "if=none,id=d,format=raw,file=/dev/fdset/7"), &error,
                   "Could not open '/dev/fdset/7': No such file or directory");
    g_assert_true(fdset_add(open(image, O_RDONLY | O_CLOEXEC), &set, NULL, &error));
    g_assert_true(add_drive(&error, "if=none,id=d,format=raw,file=/dev/fdset/7"));
    BlockBackend *blk = block_backend_get("d");
    assert_refused(block_backend_permit(blk, true, false, &error), &error,
                   "Could not open '/dev/fdset/7': Permission denied");
    g_assert_true(fdset_add(open(image, O_RDWR | O_CLOEXEC), &set, NULL, &error));
    g_assert_true(block_backend_permit(blk, true, false, &error));
    g_assert_cmpint(block_write_sync(blk, 0, sector, SECTOR_SIZE, 0), ==, 0);
    g_assert_cmpint(image_byte(image, 0), ==, 0x77);
    close_backend(blk);
    int fd = open(image, O_RDWR | O_CLOEXEC); /* the set is still open, but holds no lock */
    struct flock lock = { .l_type = F_WRLCK, .l_start = 0, .l_len = 0 };
    g_assert_cmpint(fcntl(fd, F_OFD_GETLK, &lock), ==, 0);
    g_assert_cmpint(lock.l_type, ==, F_UNLCK);
    close(fd);
    g_assert_true(fdset_remove(7, -1, &error));
}

/* blockdev-del */

static void nodes_in_use_stay(void)
{
    GError *error = NULL;
    add_blockdev(&error, "driver=null-co,node-name=n0");
    add_blockdev(&error, "driver=raw,file=n0,node-name=r0");
    add_blockdev(&error, "driver=raw,node-name=r1,file.driver=null-co,file.node-name=n1");
    add_drive(&error, "if=none,id=d0,driver=null-co,node-name=dn");
    g_assert_no_error(error);
    assert_refused(blockdev_del("n0", &error), &error, "Block device n0 is in use");
    assert_refused(blockdev_del("n1", &error), &error, "Node n1 is not owned by the monitor");
    assert_refused(blockdev_del("dn", &error), &error, "Node dn is in use");
    assert_refused(blockdev_del("d0", &error), &error, "Failed to find node with node-name='d0'");
    BlockBackend *blk = block_backend_get("r0");
    assert_refused(blockdev_del("r0", &error), &error, "Node r0 is in use");
    block_backend_unref(blk);
    g_assert_true(blockdev_del("r0", &error));
    g_assert_true(blockdev_del("n0", &error));
    g_assert_true(blockdev_del("r1", &error));
    g_assert_null(block_node_find("n1"));
    g_assert_null(block_node_find("n0"));
    g_assert_true(add_blockdev(&error, "driver=null-co,node-name=n0"));
    block_close_all();
    g_assert_cmpuint(block_nodes()->len, ==, 0);
}

/* Queries */


static void drive_is_shown_as_libvirt_reads_it(void)
{
    GError *error = NULL;
    add_drive(&error, "if=none,id=d0,format=raw,file=%s,cache=directsync", image);
    add_drive(&error, "if=none,id=e0");
    g_assert_no_error(error);
    BlockBackend *blk = block_backend_get("d0");
    block_backend_attach(blk, &error, "/machine/peripheral/blk0/virtio-backend");
    block_backend_set_on_error(blk, BLOCKDEV_ON_ERROR_AUTO, BLOCKDEV_ON_ERROR_AUTO);
    g_autoptr(Json) all = block_query();
    Json *info = json_at(all, 0), *inserted = json_member(info, "inserted"),
         *image_info = json_member(inserted, "image");
    g_assert_cmpstr(json_member_string(info, "device", ""), ==, "d0");
    g_assert_cmpstr(json_member_string(info, "qdev", ""), ==, "/machine/peripheral/blk0/virtio-backend");
    g_assert_cmpstr(json_member_string(info, "io-status", ""), ==, "ok");
    g_assert_cmpstr(json_member_string(info, "type", ""), ==, "unknown");
    g_assert_false(json_member_bool(info, "removable", true));
    g_assert_false(json_member_bool(info, "locked", true));
    g_assert_cmpstr(json_member_string(inserted, "file", ""), ==, image);
    g_assert_cmpstr(json_member_string(inserted, "drv", ""), ==, "raw");
    g_assert_false(json_member_bool(inserted, "ro", true));
    g_autofree char *cache = json_text(json_member(inserted, "cache"), false);
    g_assert_cmpstr(cache, ==, "{\"writeback\": false, \"direct\": true, \"no-flush\": false}");
    g_assert_cmpint(json_member_int(image_info, "virtual-size", 0), ==, 1 * MiB);
    g_assert_true(json_has(image_info, "dirty-flag"));
    g_autofree char *empty = json_text(json_at(all, 1), false);
    g_assert_cmpstr(empty, ==, "{\"device\": \"e0\", \"type\": \"unknown\", \"removable\": true, \"locked\": false}");
    close_backend(blk);
}

static void nodes_are_shown_newest_first_and_named_by_what_they_are(void)
{
    GError *error = NULL;
    add_blockdev(&error, "driver=null-co,node-name=n0,size=1024");
    add_blockdev(&error, "driver=raw,file=n0,node-name=r0,read-only=on");
    add_blockdev(&error, "driver=raw,node-name=r1,file.driver=file,file.filename=%s,offset=1024,size=2048", image);
    g_assert_no_error(error);
    g_autoptr(Json) nodes = block_query_nodes(false);
    g_assert_cmpuint(json_count(nodes), ==, 4);
    g_assert_cmpstr(json_member_string(json_at(nodes, 0), "node-name", ""), ==, "r1");
    g_assert_true(g_str_has_prefix(json_member_string(json_at(nodes, 1), "node-name", ""), "#block"));
    g_assert_cmpstr(json_member_string(json_at(nodes, 1), "file", ""), ==, image);
    g_autofree char *r1 = expand("json:{\"driver\": \"raw\", \"offset\": 1024, \"size\": 2048, \"file\": "
                                 "{\"driver\": \"file\", \"filename\": \"@\"}}");
    g_assert_cmpstr(json_member_string(json_at(nodes, 0), "file", ""), ==, r1);
    g_assert_cmpstr(json_member_string(json_at(nodes, 2), "file", ""), ==,
                    "json:{\"driver\": \"raw\", \"file\": {\"driver\": \"null-co\", \"size\": 1024}}");
    g_assert_true(json_member_bool(json_at(nodes, 2), "ro", false));
    block_close_all();
}

static void statistics_count_by_kind(void)
{
    GError *error = NULL;
    add_drive(&error, "if=none,id=d0,format=raw,file=%s", image);
    g_assert_no_error(error);
    BlockBackend *blk = block_backend_get("d0");
    block_account_done(blk, BLOCK_READ, 4096, block_account_now());
    block_account_done(blk, BLOCK_READ, 512, block_account_now());
    block_account_merged(blk, BLOCK_READ, 1);
    block_account_failed(blk, BLOCK_WRITE, block_account_now());
    block_account_invalid(blk, BLOCK_FLUSH);
    block_account_done(blk, BLOCK_DISCARD, 1024, block_account_now());
    g_autoptr(Json) all = block_query_stats(false);
    Json *entry = json_at(all, 0), *stats = json_member(entry, "stats");
    g_assert_cmpint(json_member_int(stats, "rd_operations", -1), ==, 2);
    g_assert_cmpint(json_member_int(stats, "rd_bytes", -1), ==, 4608);
    g_assert_cmpint(json_member_int(stats, "rd_merged", -1), ==, 1);
    g_assert_cmpint(json_member_int(stats, "wr_operations", -1), ==, 0);
    g_assert_cmpint(json_member_int(stats, "failed_wr_operations", -1), ==, 1);
    g_assert_cmpint(json_member_int(stats, "invalid_flush_operations", -1), ==, 1);
    g_assert_cmpint(json_member_int(stats, "unmap_bytes", -1), ==, 1024);
    g_assert_cmpuint(json_count(stats), ==, 26);
    g_assert_true(json_member_bool(stats, "account_failed", false));
    Json *parent = json_member(entry, "parent");
    g_assert_cmpstr(json_member_string(json_member(parent, "driver-specific"), "driver", ""), ==, "file");
    g_autoptr(Json) by_node = block_query_stats(true);
    g_assert_cmpuint(json_count(by_node), ==, 2);
    close_backend(blk);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    image = image_new(1 * MiB);
#define T(name) g_test_add_func("/block-options/" #name, name)
    T(refused_drives_say_why_and_leave_nothing);
    T(refused_blockdevs_say_why_and_leave_nothing);
    T(accepted_drives_open);
    T(image_formats_that_are_not_raw_are_not_taken_for_raw);
    T(fifo_is_refused_without_waiting);
    T(virtio_drives_want_devices_once);
    T(interfaces_that_no_board_has_are_refused_late);
    T(snapshot_switch_is_the_default_of_snapshot);
    T(descriptors_of_a_set_are_images);
    T(nodes_in_use_stay);
    T(drive_is_shown_as_libvirt_reads_it);
    T(nodes_are_shown_newest_first_and_named_by_what_they_are);
    T(statistics_count_by_kind);
#undef T
    int status = g_test_run();
    image_free(image);
    return status;
}

/* Image locks: who keeps whom out, between processes and between nodes of one. */
#include "block-image.h"

#include <sys/wait.h>

/* What a process does with the image. */
typedef struct Use {
    const char *drive;      /* more options of -drive */
    bool device;            /* a device has it, … */
    bool writable, share_rw;
} Use;

static const Use uses[] = {
    { "", true, true, false },
    { ",readonly=on", true, false, false },
    { ",snapshot=on", true, true, false },
    { "", true, true, true },
    { ",readonly=on", true, false, true },
    { "", false, false, false },
};

/* Rows: the first process; columns: the second. '.' both may, 'w' "write" lock refused, 's' shared "write" lock
 * refused. */
static const char *const expected[] = {
    "wssw..",
    "w..w..",
    "w..w..",
    "sss...",
    "......",
    "......",
};

static bool use_image(const char *path, const Use *use, const char *id, GError **error)
{
    if (!add_drive(error, "if=none,id=%s,format=raw,file=%s%s", id, path, use->drive)) {
        return false;
    }
    BlockBackend *blk = block_backend_get(id);
    return !use->device || block_backend_permit(blk, use->writable, use->share_rw, error);
}

/* A process that uses the image until its standard input ends. */
typedef struct Other {
    pid_t pid;
    int to, from;
} Other;

/* Forked before this process opens anything; it begins when told. */
static Other other_fork(const char *path, const Use *use)
{
    int to[2], from[2];
    g_assert_cmpint(pipe(to) | pipe(from), ==, 0);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        close(to[1]);
        if (read(to[0], &byte, 1) == 1) {
            byte = use_image(path, use, "other", NULL) ? 'y' : 'n';
            g_assert_cmpint(write(from[1], &byte, 1), ==, 1);
            g_assert_cmpint(read(to[0], &byte, 1), ==, 0);
        }
        _exit(0);
    }
    close(to[0]);
    close(from[1]);
    return (Other){ pid, to[1], from[0] };
}

static void other_begin(Other other)
{
    char byte = 'g';
    g_assert_cmpint(write(other.to, &byte, 1), ==, 1);
    g_assert_cmpint(read(other.from, &byte, 1), ==, 1);
    g_assert_cmpint(byte, ==, 'y');
}

static Other other_start(const char *path, const Use *use)
{
    Other other = other_fork(path, use);
    other_begin(other);
    return other;
}

static void other_stop(Other other)
{
    close(other.to);
    close(other.from);
    waitpid(other.pid, NULL, 0);
}

static void check(const char *path, unsigned first, unsigned second)
{
    GError *error = NULL;
    bool ok = use_image(path, &uses[second], "d", &error);
    switch (expected[first][second]) {
    case '.':
        g_assert_no_error(error);
        g_assert_true(ok);
        break;
    case 'w':
        assert_refused(ok, &error, "Failed to get \"write\" lock. Is another process using the image [%s]?", path);
        break;
    case 's':
        assert_refused(ok, &error, "Failed to get shared \"write\" lock. Is another process using the image [%s]?",
                       path);
        break;
    }
}

static void processes_exclude_each_other(void)
{
    g_autoimage path = image_new(1 * MiB);
    for (unsigned first = 0; first < G_N_ELEMENTS(uses); first++) {
        Other other = other_start(path, &uses[first]);
        for (unsigned second = 0; second < G_N_ELEMENTS(uses); second++) {
            check(path, first, second);
            block_close_all();
        }
        other_stop(other);
    }
}

static void nodes_of_one_process_exclude_each_other(void)
{
    for (unsigned first = 0; first < G_N_ELEMENTS(uses); first++) {
        for (unsigned second = 0; second < G_N_ELEMENTS(uses); second++) {
            g_autoimage path = image_new(1 * MiB);
            g_assert_true(use_image(path, &uses[first], "other", NULL));
            check(path, first, second);
            block_close_all();
        }
    }
}

static void refused_permission_leaves_no_lock(void)
{
    g_autoimage path = image_new(1 * MiB);
    Other reader = other_start(path, &uses[1]); /* unshares writing */
    Other second = other_fork(path, &uses[1]);
    g_assert_false(use_image(path, &uses[0], "d", NULL));
    other_begin(second); /* would be refused by a write lock left behind */
    other_stop(second);
    other_stop(reader);
    GError *error = NULL;
    BlockBackend *blk = block_backend_get("d");
    block_backend_permit(blk, true, false, &error);
    g_assert_no_error(error);
    close_backend(blk);
}

static void detached_device_gives_its_locks_back(void)
{
    g_autoimage path = image_new(1 * MiB);
    Other writer = other_fork(path, &uses[0]);
    BlockBackend *blk = open_image_with(path, "");
    int device;
    g_assert_true(block_backend_attach(blk, &device, "/x"));
    g_assert_false(block_backend_attach(blk, &path, "/y"));
    block_backend_detach(blk, &device);
    other_begin(writer);
    other_stop(writer);
    close_backend(blk);
}

static void inactive_images_are_unlocked_and_taken_again(void)
{
    g_autoimage path = image_new(1 * MiB);
    GError *error = NULL;
    uint8_t sector[SECTOR_SIZE] = { 1 };
    Other writer = other_fork(path, &uses[0]);
    BlockBackend *blk = open_image_with(path, "");
    g_assert_true(block_inactivate_all(&error));
    other_begin(writer);
    g_assert_cmpint(block_write_sync(blk, 0, sector, SECTOR_SIZE, 0), ==, -EPERM);
    assert_refused(block_activate_all(&error), &error,
                   "Failed to get \"write\" lock. Is another process using the image [%s]?", path);
    g_assert_cmpint(block_write_sync(blk, 0, sector, SECTOR_SIZE, 0), ==, -EPERM);
    other_stop(writer);
    g_assert_true(block_activate_all(&error));
    g_assert_cmpint(block_write_sync(blk, 0, sector, SECTOR_SIZE, 0), ==, 0);
    close_backend(blk);
}

static void locking_off_keeps_nobody_out(void)
{
    g_autoimage path = image_new(1 * MiB);
    GError *error = NULL;
    Other writer = other_start(path, &uses[0]);
    BlockBackend *blk = open_image_with(path, ",file.locking=off");
    close_backend(blk);
    other_stop(writer);
    g_assert_no_error(error);
}

static void force_share_reads_beside_a_writer(void)
{
    g_autoimage path = image_new(1 * MiB);
    Other writer = other_start(path, &uses[0]);
    BlockBackend *blk = open_image_with(path, ",readonly=on,force-share=on");
    close_backend(blk);
    other_stop(writer);
}

/* The lock bytes themselves, as /proc/locks shows them: what other emulators look at. */
static void locks_are_at_their_bytes(void)
{
    g_autoimage path = image_new(1 * MiB);
    BlockBackend *blk = open_image_with(path, "");
    int fd = open(path, O_RDWR | O_CLOEXEC);
    static const struct {
        off_t byte;
        short type;
    } bytes[] = { { 100, F_RDLCK }, { 101, F_RDLCK }, { 102, F_UNLCK }, { 103, F_UNLCK },
                  { 200, F_UNLCK }, { 201, F_RDLCK }, { 202, F_UNLCK }, { 203, F_UNLCK } };
    for (unsigned i = 0; i < G_N_ELEMENTS(bytes); i++) {
        struct flock lock = { .l_type = F_WRLCK, .l_start = bytes[i].byte, .l_len = 1 };
        g_assert_cmpint(fcntl(fd, F_OFD_GETLK, &lock), ==, 0);
        g_assert_cmpint(lock.l_type, ==, bytes[i].type);
    }
    close(fd);
    close_backend(blk);
}

static void users_of_one_node_must_agree(void)
{
    GError *error = NULL;
    add_blockdev(&error, "driver=null-co,node-name=f0");
    add_blockdev(&error, "driver=raw,file=f0,node-name=r0");
    g_assert_no_error(error);
    BlockBackend *a = block_backend_get("r0"), *b = block_backend_get("r0"), *c = block_backend_get("f0");
    int device;
    block_backend_attach(a, &device, "/machine/a");
    block_backend_attach(b, &device, "/machine/b");
    block_backend_attach(c, &device, "/machine/c");
    g_assert_true(block_backend_permit(a, true, false, &error));
    assert_refused(
        block_backend_permit(b, true, false, &error), &error,
        "Permission conflict on node 'r0': permissions 'write' are both required by block device '/machine/a' "
        "(uses node 'r0' as 'root' child) and unshared by block device '/machine/b' (uses node 'r0' as 'root' "
        "child).");
    assert_refused(
        block_backend_permit(c, true, false, &error), &error,
        "Permission conflict on node 'f0': permissions 'write' are both required by node 'r0' (uses node 'f0' as "
        "'file' child) and unshared by block device '/machine/c' (uses node 'f0' as 'root' child).");
    g_assert_true(block_backend_permit(a, true, true, &error));
    g_assert_true(block_backend_permit(b, true, true, &error));
    g_assert_no_error(error);
    block_backend_unref(a);
    block_backend_unref(b);
    block_backend_unref(c);
    block_close_all();
}

static void read_only_node_under_a_writable_one_is_refused(void)
{
    g_autoimage path = image_new(1 * MiB);
    GError *error = NULL;
    add_blockdev(&error, "driver=raw,node-name=r0,read-only=off,file.driver=file,file.filename=%s,file.read-only=on",
                 path);
    g_assert_no_error(error);
    BlockBackend *blk = block_backend_get("r0");
    assert_refused(block_backend_permit(blk, true, false, &error), &error, "Block node is read-only");
    g_assert_true(block_backend_permit(blk, false, false, &error));
    close_backend(blk);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define T(name) g_test_add_func("/block-lock/" #name, name)
    T(processes_exclude_each_other);
    T(nodes_of_one_process_exclude_each_other);
    T(refused_permission_leaves_no_lock);
    T(detached_device_gives_its_locks_back);
    T(inactive_images_are_unlocked_and_taken_again);
    T(locking_off_keeps_nobody_out);
    T(force_share_reads_beside_a_writer);
    T(locks_are_at_their_bytes);
    T(users_of_one_node_must_agree);
    T(read_only_node_under_a_writable_one_is_refused);
#undef T
    return g_test_run();
}

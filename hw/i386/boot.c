#include "hw/i386/boot.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hw/nvram/fw_cfg.h"
#include "system/runstate.h"
#include "util/byteorder.h"
#include "util/log.h"
#include "util/units.h"

/* Fields of the setup header that a boot loader fills in. */
enum {
    TYPE_OF_LOADER = 0x210, LOADFLAGS = 0x211, RAMDISK_IMAGE = 0x218, RAMDISK_SIZE = 0x21c, HEAP_END_PTR = 0x224,
    CMD_LINE_PTR = 0x228, LOADER_QEMU = 0xb0, CAN_USE_HEAP = 0x80,
};
#define CHUNK (1 * MiB)

/* --- the files --- */

static bool open_kernel(PCBoot *boot, const char *name, GError **error)
{
    struct stat st;

    boot->kernel_fd = open(name, O_RDONLY | O_CLOEXEC);
    if (boot->kernel_fd < 0 || fstat(boot->kernel_fd, &st) < 0) {
        return error_set_errno(error, errno, "could not open kernel file '%s'", name);
    }
    if (!S_ISREG(st.st_mode)) {
        return error_set_errno(error, S_ISDIR(st.st_mode) ? EISDIR : EINVAL, "could not load kernel '%s'", name);
    }
    boot->kernel_size = st.st_size;
    return boot_image_read(boot->kernel_fd, boot->kernel_size, &boot->image, error);
}

/* As high as kernel and RAM allow, below the tables. */
static bool open_initrd(PCBoot *boot, const char *name, GError **error)
{
    uint64_t top = boot->pc->below_4g_size - BOOT_TABLES_ROOM - 1, most = MIN(boot->image.initrd_max, top);
    struct stat st;

    boot->initrd_fd = open(name, O_RDONLY | O_CLOEXEC);
    if (boot->initrd_fd < 0 || fstat(boot->initrd_fd, &st) < 0) {
        return error_setf(error, "error reading initrd %s: Failed to open file “%s”: open() failed: %s", name, name,
                          g_strerror(errno));
    }
    if (!S_ISREG(st.st_mode)) {
        return error_setf(error, "error reading initrd %s: it is no file", name);
    }
    boot->initrd_size = st.st_size;
    if (boot->initrd_size >= most) {
        return error_setf(error, "initrd is too large, cannot support.(max: %" G_GUINT64_FORMAT ", need %"
                          G_GUINT64_FORMAT ")", most, boot->initrd_size);
    }
    boot->initrd_address = (most - boot->initrd_size) & ~(uint64_t)4095;
    return true;
}

/* The kernel's own place, and what it needs to unpack itself, must not reach what lies above it. */
static bool check_room(const PCBoot *boot, GError **error)
{
    uint64_t limit = boot->initrd_size ? boot->initrd_address : boot->pc->below_4g_size - BOOT_TABLES_ROOM;

    for (unsigned i = 0; i < boot->image.num_segments; i++) {
        const BootSegment *s = &boot->image.segments[i];

        if (s->address > limit || s->memory_size > limit - s->address) {
            return error_setf(error, "the kernel does not fit into the memory of the machine");
        }
    }
    if (strlen(boot->cmdline) >= BOOT_CMDLINE_MAX) {
        return error_setf(error, "the kernel's command line is too long: it has more than %d bytes", BOOT_CMDLINE_MAX - 1);
    }
    return true;
}

/* --- fw_cfg: what boot code of firmware reads --- */

/* The contents come when they are asked for. */
static void load_item(FWCfgState *fw, uint16_t key, int fd, uint64_t offset, uint64_t length)
{
    uint8_t *data = g_try_malloc(length);
    ssize_t n = data ? pread(fd, data, length, offset) : -1;

    if (n < 0) {
        g_free(data);
        return;
    }
    fw_cfg_add_item(fw, key, (FWCfgItem){ .data = data, .data_length = n, .length = length, .owned = true });
}

static void kernel_selected(void *opaque)
{
    PCBoot *boot = opaque;

    load_item(boot->pc->fw_cfg, FW_CFG_KERNEL_DATA, boot->kernel_fd, boot->image.setup_size,
              boot->kernel_size - boot->image.setup_size);
}

static void initrd_selected(void *opaque)
{
    PCBoot *boot = opaque;

    load_item(boot->pc->fw_cfg, FW_CFG_INITRD_DATA, boot->initrd_fd, 0, boot->initrd_size);
}

/* The setup code, with what a loader fills into its header. */
static bool read_setup(PCBoot *boot, GError **error)
{
    uint8_t *s = boot->setup = g_malloc0(boot->image.setup_size);

    if (pread(boot->kernel_fd, s, boot->image.setup_size, 0) != (ssize_t)boot->image.setup_size) {
        return error_setf(error, "invalid kernel header");
    }
    s[TYPE_OF_LOADER] = LOADER_QEMU;
    if (boot->image.protocol >= 0x201) {
        s[LOADFLAGS] |= CAN_USE_HEAP;
        store_le16(s + HEAP_END_PTR, BOOT_CMDLINE - BOOT_SETUP - 0x200);
    }
    if (boot->image.protocol >= 0x202) {
        store_le32(s + CMD_LINE_PTR, BOOT_CMDLINE);
    }
    if (boot->initrd_size) {
        store_le32(s + RAMDISK_IMAGE, boot->initrd_address);
        store_le32(s + RAMDISK_SIZE, boot->initrd_size);
    }
    return true;
}

static void offer(PCBoot *boot)
{
    FWCfgState *fw = boot->pc->fw_cfg;
    uint64_t kernel_size = boot->kernel_size - boot->image.setup_size;

    fw_cfg_add_u32(fw, FW_CFG_CMDLINE_ADDR, BOOT_CMDLINE);
    fw_cfg_add_u32(fw, FW_CFG_CMDLINE_SIZE, strlen(boot->cmdline) + 1);
    fw_cfg_add_text(fw, FW_CFG_CMDLINE_DATA, boot->cmdline);
    if (boot->initrd_size) {
        fw_cfg_add_u32(fw, FW_CFG_INITRD_ADDR, boot->initrd_address);
        fw_cfg_add_u32(fw, FW_CFG_INITRD_SIZE, boot->initrd_size);
        fw_cfg_add_item(fw, FW_CFG_INITRD_DATA, (FWCfgItem){ .length = boot->initrd_size, .selected = initrd_selected,
                                                             .opaque = boot });
    }
    if (boot->image.kind == BOOT_IMAGE_LINUX) {
        fw_cfg_add_u32(fw, FW_CFG_KERNEL_ADDR, boot->image.segments[0].address);
        fw_cfg_add_u32(fw, FW_CFG_KERNEL_SIZE, kernel_size);
        fw_cfg_add_item(fw, FW_CFG_KERNEL_DATA, (FWCfgItem){ .length = kernel_size, .selected = kernel_selected,
                                                             .opaque = boot });
        fw_cfg_add_u32(fw, FW_CFG_SETUP_ADDR, BOOT_SETUP);
        fw_cfg_add_u32(fw, FW_CFG_SETUP_SIZE, boot->image.setup_size);
        fw_cfg_add_item(fw, FW_CFG_SETUP_DATA, (FWCfgItem){ .data = boot->setup, .data_length = boot->image.setup_size,
                                                            .length = boot->image.setup_size });
    } else {
        fw_cfg_add_u32(fw, FW_CFG_KERNEL_ENTRY, boot->image.entry);
    }
}

bool pc_boot_init(PCMachineState *pc, GError **error)
{
    const MachineState *m = &pc->parent_obj;
    PCBoot *boot;

    if (!m->kernel) {
        return true;
    }
    boot = pc->boot = g_new0(PCBoot, 1);
    boot->pc = pc;
    boot->kernel_fd = boot->initrd_fd = -1;
    boot->cmdline = m->append ? m->append : "";
    if (pc->below_4g_size < 2 * MiB) {
        return error_setf(error, "the kernel does not fit into the memory of the machine");
    }
    if (!open_kernel(boot, m->kernel, error) || (m->initrd && !open_initrd(boot, m->initrd, error)) ||
        !check_room(boot, error) || (boot->image.kind == BOOT_IMAGE_LINUX && !read_setup(boot, error))) {
        return false;
    }
    offer(boot);
    return true;
}

/* --- loading --- */

/* From a file right into RAM. */
static bool load(int fd, uint64_t offset, uint64_t length, uint64_t address)
{
    while (length) {
        uint64_t n = MIN(length, CHUNK);
        void *host = address_space_map(&address_space_memory, address, &n, true);
        ssize_t got = host ? pread(fd, host, n, offset) : -1;

        if (got <= 0) {
            return false;
        }
        address_space_unmap(&address_space_memory, host, got, true);
        offset += got;
        address += got;
        length -= got;
    }
    return true;
}

static bool load_files(const PCBoot *boot)
{
    for (unsigned i = 0; i < boot->image.num_segments; i++) {
        const BootSegment *s = &boot->image.segments[i];

        if (!load(boot->kernel_fd, s->offset, s->file_size, s->address)) {
            return false;
        }
        address_space_set(&address_space_memory, s->address + s->file_size, 0, s->memory_size - s->file_size);
    }
    return load(boot->initrd_fd, 0, boot->initrd_size, boot->initrd_address);
}

static bool at_reset_vector(const X86CPU *cpu)
{
    const X86CPUState *env = &cpu->env;

    return env->eip == 0xfff0 && env->segs[R_CS].selector == 0xf000 && env->segs[R_CS].base == 0xffff0000 &&
           !(env->cr[0] & 1) && !cpu->halted;
}

/* Firmware is there all the same, and runs if the kernel can't be had. */
static void start_kernel(PCBoot *boot)
{
    if (!at_reset_vector(x86_cpu_by_index(0))) {
        return;
    }
    if (!load_files(boot)) {
        error_report("the kernel could not be read: firmware is started instead");
        return;
    }
    if (!boot_platform_init(boot->pc)) {
        error_report("no room for the tables that the kernel needs: firmware is started instead");
        return;
    }
    if (boot->image.kind == BOOT_IMAGE_LINUX) {
        boot_enter_linux(boot);
    } else {
        boot_enter_pvh(boot);
    }
}

static void run_state_changed(void *opaque, bool running, RunState state)
{
    if (running) {
        start_kernel(opaque);
    }
}

static void machine_reset(void *opaque)
{
    if (runstate_is_running()) {
        start_kernel(opaque);
    }
}

void pc_boot_arm(PCMachineState *pc)
{
    pc_boot_resume_arm(pc);
    if (pc->boot) {
        reset_register(machine_reset, pc->boot);
        runstate_add_handler(run_state_changed, pc->boot);
    }
}

#include "hw/i2c/pm-smbus.h"

#include "util/log.h"
#include "util/trace.h"

enum {
    REG_STS = 0x00, REG_CNT = 0x02, REG_CMD = 0x03, REG_ADD = 0x04, REG_DAT0 = 0x05, REG_DAT1 = 0x06, REG_BLKDAT = 0x07,
    REG_AUXCTL = 0x0d,
};
enum {
    STS_HOST_BUSY = 0x01, STS_INTR = 0x02, STS_DEV_ERR = 0x04, STS_FAILED = 0x10, STS_BYTE_DONE = 0x80,
    CNT_INTREN = 0x01, CNT_KILL = 0x02, CNT_LAST_BYTE = 0x20, CNT_START = 0x40, CNT_READABLE = 0x1f, AUX_BLK = 0x02, AUX_MASK = 0x03,
};
typedef enum {
    PROT_QUICK, PROT_BYTE, PROT_BYTE_DATA, PROT_WORD_DATA, PROT_PROC_CALL, PROT_BLOCK, PROT_I2C_READ,
} Protocol;

static Protocol protocol(const PMSMBus *s)
{
    return (s->smb_ctl >> 2) & 7;
}

static bool is_read(const PMSMBus *s)
{
    return s->smb_addr & 1;
}

static uint8_t address(const PMSMBus *s)
{
    return s->smb_addr >> 1;
}

/*
 * With AUX_BLK the block has a buffer of its own here; without, and in an I2C read, the guest gives and takes a byte at
 * a time.
 */
static bool buffered(const PMSMBus *s)
{
    return (s->smb_auxctl & AUX_BLK) && !s->in_i2c_block_read;
}

static void update_irq(PMSMBus *s)
{
    s->set_irq(s->opaque, (s->smb_stat & ~STS_HOST_BUSY) && (s->smb_ctl & CNT_INTREN));
}

/* Short transfers. */
static bool transfer_byte(PMSMBus *s)
{
    return is_read(s) ? smbus_receive_byte(s->bus, address(s), &s->smb_data0)
                      : smbus_send_byte(s->bus, address(s), s->smb_cmd);
}

static bool transfer_data(PMSMBus *s, unsigned bytes)
{
    uint8_t data[2] = { s->smb_data0, s->smb_data1 };

    if (!is_read(s)) {
        return smbus_write_data(s->bus, address(s), s->smb_cmd, data, bytes);
    }
    if (!smbus_read_data(s->bus, address(s), s->smb_cmd, data, bytes)) {
        return false;
    }
    s->smb_data0 = data[0];
    s->smb_data1 = data[1];
    return true;
}

static void finish(PMSMBus *s)
{
    s->op_done = true;
    s->smb_stat |= STS_INTR;
    s->smb_stat &= ~STS_HOST_BUSY;
}

/* Blocks. */
static bool write_out(PMSMBus *s)
{
    return smbus_write_block(s->bus, address(s), s->smb_cmd, s->smb_data, s->smb_data0, !s->i2c_enable);
}

static bool begin_write(PMSMBus *s)
{
    bool complete = s->smb_index == s->smb_data0;

    if (!buffered(s)) {
        s->smb_data[0] = s->smb_blkdata;
        s->smb_index = 0;
        s->op_done = false;
        s->smb_stat |= STS_HOST_BUSY | STS_BYTE_DONE;
        return true;
    }
    s->smb_index = 0;
    if (!complete || !write_out(s)) {
        return false;
    }
    finish(s);
    return true;
}

/* What was read waits: the first byte in the block register, or all in the buffer. */
static void begin_read(PMSMBus *s, unsigned len)
{
    s->smb_data0 = len;
    s->smb_index = 0;
    s->op_done = false;
    if (buffered(s)) {
        s->smb_stat |= STS_INTR;
    } else {
        s->smb_blkdata = s->smb_data[0];
        s->smb_stat |= STS_HOST_BUSY | STS_BYTE_DONE;
    }
}

static bool transfer_block(PMSMBus *s)
{
    unsigned len;

    if (!is_read(s)) {
        return begin_write(s);
    }
    if (!smbus_read_block(s->bus, address(s), s->smb_cmd, s->smb_data, &len, !s->i2c_enable)) {
        return false;
    }
    begin_read(s, len);
    return true;
}

/*
 * The offset in the slave is DAT1; then the transfer stays open and gives as many bytes as the guest takes. The read bit
 * of the address does not count.
 */
static bool transfer_i2c_read(PMSMBus *s)
{
    if (!i2c_start(s->bus, address(s), false)) {
        return false;
    }
    i2c_send(s->bus, s->smb_data1);
    if (!i2c_start(s->bus, address(s), true)) {
        return false;
    }
    s->in_i2c_block_read = true;
    s->smb_blkdata = i2c_recv(s->bus);
    s->op_done = false;
    s->smb_stat |= STS_HOST_BUSY | STS_BYTE_DONE;
    return true;
}

/* Runs it; a short transfer ends with STS_INTR, a block says itself how far it is. */
static bool run(PMSMBus *s)
{
    bool ok;

    switch (protocol(s)) {
    case PROT_QUICK: ok = smbus_quick(s->bus, address(s), is_read(s)); break;
    case PROT_BYTE: ok = transfer_byte(s); break;
    case PROT_BYTE_DATA: ok = transfer_data(s, 1); break;
    case PROT_WORD_DATA: ok = transfer_data(s, 2); break;
    case PROT_BLOCK: return transfer_block(s);
    case PROT_I2C_READ: return transfer_i2c_read(s);
    default: return false;
    }
    s->smb_stat |= ok ? STS_INTR : 0;
    return ok;
}

static void transaction(PMSMBus *s)
{
    trace(pm_smbus_transaction, "protocol %d address %#x command %#x", protocol(s), s->smb_addr, s->smb_cmd);
    /* An error of before must be cleared first. */
    if ((s->smb_stat & STS_DEV_ERR) || !run(s)) {
        s->smb_stat |= STS_DEV_ERR;
    }
}

/*
 * Firmware waits for the busy bit before it waits for the end: without an interrupt the transfer only begins when
 * the status is read.
 */
static void start(PMSMBus *s)
{
    if (s->smb_ctl & CNT_INTREN) {
        transaction(s);
        s->start_transaction_on_status_read = false;
    } else {
        s->smb_stat |= STS_HOST_BUSY;
        s->start_transaction_on_status_read = true;
    }
}

static void end_i2c_read(PMSMBus *s)
{
    if (s->in_i2c_block_read) {
        s->in_i2c_block_read = false;
        i2c_stop(s->bus);
    }
}

static void next_byte_out(PMSMBus *s)
{
    if (s->smb_index != s->smb_data0) {
        s->smb_data[s->smb_index] = s->smb_blkdata;
        s->smb_stat |= STS_BYTE_DONE;
    } else if (write_out(s)) {
        finish(s);
    } else {
        s->smb_stat |= STS_DEV_ERR;
    }
}

static void next_byte_in(PMSMBus *s)
{
    bool last = s->smb_ctl & CNT_LAST_BYTE;

    s->smb_blkdata = s->in_i2c_block_read ? i2c_recv(s->bus) : s->smb_data[s->smb_index];
    if (!last) {
        s->smb_stat |= STS_BYTE_DONE;
        return;
    }
    if (s->in_i2c_block_read) {
        i2c_nack(s->bus);
        end_i2c_read(s);
    }
    s->smb_index = 0;
    finish(s);
}

/* The guest has dealt with a byte: the next one, or the end. */
static void next_byte(PMSMBus *s)
{
    /* A write of all 32 bytes never gets to its end this way, in QEMU as well. */
    s->smb_index = s->smb_index + 1 >= SMBUS_BLOCK_MAX ? 0 : s->smb_index + 1;
    if (is_read(s) || s->in_i2c_block_read) {
        next_byte_in(s);
    } else {
        next_byte_out(s);
    }
}

static void write_control(PMSMBus *s, uint8_t value)
{
    s->smb_ctl = value & ~CNT_START;
    if (value & CNT_START) {
        if (!s->op_done) {
            s->smb_index = 0;
            s->op_done = true;
            end_i2c_read(s);
        }
        start(s);
    }
    if (value & CNT_KILL) {
        s->op_done = true;
        s->smb_index = 0;           /* an I2C read stays open on the bus, as in QEMU */
        s->smb_stat |= STS_FAILED;
        s->smb_stat &= ~STS_HOST_BUSY;
    }
}

static void write_block_data(PMSMBus *s, uint8_t value)
{
    if (!(s->smb_auxctl & AUX_BLK)) {
        s->smb_blkdata = value;
        return;
    }
    s->smb_index = s->smb_index >= SMBUS_BLOCK_MAX ? 0 : s->smb_index;
    s->smb_data[s->smb_index++] = value;
}

static uint8_t read_block_data(PMSMBus *s)
{
    uint8_t value;

    if (!buffered(s)) {
        return s->smb_blkdata;
    }
    s->smb_index = s->smb_index >= SMBUS_BLOCK_MAX ? 0 : s->smb_index;
    value = s->smb_data[s->smb_index++];
    if (!s->op_done && s->smb_index == s->smb_data0) {
        s->op_done = true;
        s->smb_index = 0;
        s->smb_stat &= ~STS_HOST_BUSY;
    }
    return value;
}

static uint8_t read_status(PMSMBus *s)
{
    uint8_t value = s->smb_stat;

    if (s->start_transaction_on_status_read) {
        s->start_transaction_on_status_read = false;
        s->smb_stat &= ~STS_HOST_BUSY;
        transaction(s);
    }
    return value;
}

static uint64_t smbus_read(void *opaque, hwaddr offset, unsigned size)
{
    PMSMBus *s = opaque;
    uint8_t value = 0;

    switch (offset) {
    case REG_STS: value = read_status(s); break;
    case REG_CNT: value = s->smb_ctl & CNT_READABLE; break;
    case REG_CMD: value = s->smb_cmd; break;
    case REG_ADD: value = s->smb_addr; break;
    case REG_DAT0: value = s->smb_data0; break;
    case REG_DAT1: value = s->smb_data1; break;
    case REG_BLKDAT: value = read_block_data(s); break;
    case REG_AUXCTL: value = s->smb_auxctl; break;
    default: break;
    }
    update_irq(s);
    return value;
}

static void smbus_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    PMSMBus *s = opaque;
    bool byte_dealt_with;

    switch (offset) {
    case REG_STS:
        byte_dealt_with = s->smb_stat & value & STS_BYTE_DONE;
        s->smb_stat &= ~(value & ~STS_HOST_BUSY);
        if (byte_dealt_with && !s->op_done && !buffered(s)) {
            next_byte(s);
        }
        break;
    case REG_CNT: write_control(s, value); break;
    case REG_CMD: s->smb_cmd = value; break;
    case REG_ADD: s->smb_addr = value; break;
    case REG_DAT0: s->smb_data0 = value; break;
    case REG_DAT1: s->smb_data1 = value; break;
    case REG_BLKDAT: write_block_data(s, value); break;
    case REG_AUXCTL: s->smb_auxctl = value & AUX_MASK; break;
    default: break;
    }
    update_irq(s);
}

static const MemoryRegionOps smbus_ops = {
    .read = smbus_read, .write = smbus_write, .valid = { 1, 1 }, .impl = { 1, 1 },
};

void pm_smbus_init(PMSMBus *s, Object *owner, I2CBus *bus, void (*set_irq)(void *opaque, bool level), void *opaque)
{
    s->bus = bus;
    s->set_irq = set_irq;
    s->opaque = opaque;
    s->op_done = true;
    memory_region_init_io(&s->io, owner, &smbus_ops, s, "pm-smbus", PM_SMBUS_PORTS);
}

/* An index beyond the buffer is one that wraps. */
static bool smbus_post_load(void *opaque, int version_id, GError **error)
{
    PMSMBus *s = opaque;

    s->smb_index = MIN(s->smb_index, SMBUS_BLOCK_MAX);
    return true;
}

const VMStateDescription vmstate_pm_smbus = {
    .name = "pmsmb", .version_id = 1, .minimum_version_id = 1, .post_load = smbus_post_load,
    .fields = VMS_FIELDS(
        VMS_U8(PMSMBus, smb_stat), VMS_U8(PMSMBus, smb_ctl), VMS_U8(PMSMBus, smb_cmd), VMS_U8(PMSMBus, smb_addr),
        VMS_U8(PMSMBus, smb_data0), VMS_U8(PMSMBus, smb_data1), VMS_U32(PMSMBus, smb_index),
        VMS_U8_ARRAY(PMSMBus, smb_data), VMS_U8(PMSMBus, smb_auxctl), VMS_U8(PMSMBus, smb_blkdata),
        VMS_BOOL(PMSMBus, i2c_enable), VMS_BOOL(PMSMBus, op_done), VMS_BOOL(PMSMBus, in_i2c_block_read),
        VMS_BOOL(PMSMBus, start_transaction_on_status_read)),
};

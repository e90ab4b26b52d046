/*
 * The SMBus host controller of Intel's south bridges: 64 bytes of port space. A transfer runs when it is started, or,
 * without interrupts, when its status is read next. Intel ICH9 datasheet, chapter 20.2.
 */
#ifndef HW_I2C_PM_SMBUS_H
#define HW_I2C_PM_SMBUS_H

#include "hw/i2c/smbus.h"
#include "system/memory.h"

#define PM_SMBUS_PORTS 64

typedef struct PMSMBus {
    /* migrated */
    uint8_t smb_stat, smb_ctl, smb_cmd, smb_addr, smb_data0, smb_data1, smb_auxctl, smb_blkdata;
    uint8_t smb_data[SMBUS_BLOCK_MAX];
    uint32_t smb_index;
    bool i2c_enable, op_done, in_i2c_block_read, start_transaction_on_status_read;
    /* derived */
    I2CBus *bus;
    MemoryRegion io;
    void (*set_irq)(void *opaque, bool level);
    void *opaque;
} PMSMBus;

void pm_smbus_init(PMSMBus *s, Object *owner, I2CBus *bus, void (*set_irq)(void *opaque, bool level), void *opaque);

extern const VMStateDescription vmstate_pm_smbus;

#endif

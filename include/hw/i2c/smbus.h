/*
 * The SMBus protocols over I2C (SMBus 2.0, 5.5): a master's operations, and a slave that gets whole commands.
 */
#ifndef HW_I2C_SMBUS_H
#define HW_I2C_SMBUS_H

#include "hw/i2c/i2c.h"

#define TYPE_SMBUS_DEVICE "smbus-device"
OBJECT_DECLARE_TYPE(SMBusDevice, SMBusDeviceClass, SMBUS_DEVICE)

#define SMBUS_BLOCK_MAX 32

struct SMBusDevice {
    I2CSlave parent_obj;
    int32_t mode, data_len;
    uint8_t data_buf[2 + SMBUS_BLOCK_MAX];  /* command, length, data */
};

struct SMBusDeviceClass {
    I2CSlaveClass parent_class;
    void (*write_data)(SMBusDevice *s, const uint8_t *data, unsigned len);  /* the command first; len > 0 */
    uint8_t (*receive_byte)(SMBusDevice *s);
};

extern const VMStateDescription vmstate_smbus_device;

/* Each fails if nobody answers. */
bool smbus_quick(I2CBus *bus, uint8_t address, bool read);
bool smbus_receive_byte(I2CBus *bus, uint8_t address, uint8_t *data);
bool smbus_send_byte(I2CBus *bus, uint8_t address, uint8_t data);
/* One or two bytes of a command, the low one first. */
bool smbus_read_data(I2CBus *bus, uint8_t address, uint8_t command, uint8_t *data, unsigned bytes);
bool smbus_write_data(I2CBus *bus, uint8_t address, uint8_t command, const uint8_t *data, unsigned bytes);
/*
 * A block, with its length on the wire, or (counted false) SMBUS_BLOCK_MAX bytes read without one, and without a command.
 * A length above SMBUS_BLOCK_MAX that a slave tells is 0. *len: how many.
 */
bool smbus_read_block(I2CBus *bus, uint8_t address, uint8_t command, uint8_t *data, unsigned *len, bool counted);
bool smbus_write_block(I2CBus *bus, uint8_t address, uint8_t command, const uint8_t *data, unsigned len, bool counted);

#define TYPE_SMBUS_EEPROM "smbus-eeprom"
/* 256 bytes at the address, zeroes if `data` is NULL. */
bool smbus_eeprom_new(I2CBus *bus, uint8_t address, const uint8_t *data, GError **error);

#endif

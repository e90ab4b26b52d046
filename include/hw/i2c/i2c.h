/*
 * I2C, as far as a master that finishes each transfer at once needs it: a bus, and slaves with a 7-bit address. Address 0
 * is for all of them.
 */
#ifndef HW_I2C_I2C_H
#define HW_I2C_I2C_H

#include "hw/core/device.h"
#include "migration/vmstate.h"

#define TYPE_I2C_BUS "i2c-bus"
#define TYPE_I2C_SLAVE "i2c-slave"
OBJECT_DECLARE_SIMPLE_TYPE(I2CBus, I2C_BUS)
OBJECT_DECLARE_TYPE(I2CSlave, I2CSlaveClass, I2C_SLAVE)

#define I2C_BROADCAST 0x00
#define I2C_IDLE 0xff           /* no address: no transfer goes on */

struct I2CBus {
    BusState parent_obj;
    uint8_t address;            /* of the transfer that goes on */
};

typedef enum { I2C_START_SEND, I2C_START_RECV, I2C_NACK, I2C_STOP } I2CEvent;

struct I2CSlave {
    DeviceState parent_obj;
    uint8_t address;
};

struct I2CSlaveClass {
    DeviceClass parent_class;
    void (*event)(I2CSlave *s, I2CEvent event);
    void (*send)(I2CSlave *s, uint8_t byte);    /* towards the slave */
    uint8_t (*recv)(I2CSlave *s);
};

/* A bus of that name below the device, with a section of its own. */
I2CBus *i2c_bus_new(DeviceState *parent, const char *name, GError **error);
void i2c_bus_free(I2CBus *bus);

/* Master. Start (or start again) fails if nobody has the address. */
bool i2c_start(I2CBus *bus, uint8_t address, bool recv);
void i2c_send(I2CBus *bus, uint8_t byte);
uint8_t i2c_recv(I2CBus *bus);
void i2c_nack(I2CBus *bus);
void i2c_stop(I2CBus *bus);

extern const VMStateDescription vmstate_i2c_slave;

#endif

/* An EEPROM of 256 bytes, of which memory modules have one each (SPD). */
#include <string.h>

#include "hw/i2c/smbus.h"
#include "migration/register.h"

OBJECT_DECLARE_SIMPLE_TYPE(SMBusEEPROM, SMBUS_EEPROM)

#define EEPROM_SIZE 256

struct SMBusEEPROM {
    SMBusDevice parent_obj;
    /* migrated */
    uint8_t data[EEPROM_SIZE];
    uint8_t offset;
    bool accessed;              /* if not, there is no state */
    /* set by the board */
    uint8_t init_data[EEPROM_SIZE];
};

static void eeprom_write(SMBusDevice *dev, const uint8_t *data, unsigned len)
{
    SMBusEEPROM *s = SMBUS_EEPROM(dev);

    s->accessed = true;
    s->offset = data[0];
    for (unsigned i = 1; i < len; i++) {
        s->data[s->offset++] = data[i];
    }
}

static uint8_t eeprom_read(SMBusDevice *dev)
{
    SMBusEEPROM *s = SMBUS_EEPROM(dev);

    s->accessed = true;
    return s->data[s->offset++];
}

static void eeprom_reset(DeviceState *dev)
{
    SMBusEEPROM *s = SMBUS_EEPROM(dev);

    memcpy(s->data, s->init_data, sizeof(s->data));
    s->offset = 0;
}

static bool eeprom_needed(void *opaque)
{
    return ((SMBusEEPROM *)opaque)->accessed;
}

static const VMStateDescription vmstate_eeprom = {
    .name = "smbus-eeprom", .version_id = 1, .minimum_version_id = 1, .needed = eeprom_needed,
    .fields = VMS_FIELDS(
        VMS_STRUCT(SMBusEEPROM, parent_obj, vmstate_smbus_device, .name = "smbusdev"),
        VMS_U8_ARRAY(SMBusEEPROM, data),
        VMS_U8(SMBusEEPROM, offset),
        VMS_BOOL(SMBusEEPROM, accessed)),
};

static void eeprom_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    SMBusDeviceClass *sc = SMBUS_DEVICE_CLASS(klass);

    sc->write_data = eeprom_write;
    sc->receive_byte = eeprom_read;
    dc->reset.hold = eeprom_reset;
    dc->vmsd = &vmstate_eeprom;
    dc->user_creatable = false;
}

bool smbus_eeprom_new(I2CBus *bus, uint8_t address, const uint8_t *data, GError **error)
{
    DeviceState *dev = device_new(TYPE_SMBUS_EEPROM);

    object_set_uint(OBJECT(dev), "address", address);
    if (data) {
        memcpy(SMBUS_EEPROM(dev)->init_data, data, EEPROM_SIZE);
    }
    return device_realize_and_unref(dev, &bus->parent_obj, error);
}

static const TypeInfo eeprom_type = {
    .name = TYPE_SMBUS_EEPROM, .parent = TYPE_SMBUS_DEVICE, .size = sizeof(SMBusEEPROM), .class_init = eeprom_class_init,
};
TYPE_REGISTER(eeprom_type)

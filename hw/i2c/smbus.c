#include "hw/i2c/smbus.h"

#include "util/log.h"

/* A slave's part. */
enum { MODE_CONFUSED = -1, MODE_IDLE, MODE_WRITE, MODE_READ, MODE_DONE };

static void deliver(SMBusDevice *s)
{
    SMBUS_DEVICE_GET_CLASS(s)->write_data(s, s->data_buf, s->data_len);
}

static void start_recv(SMBusDevice *s)
{
    bool wrote = s->mode == MODE_WRITE && s->data_len > 0;

    if (wrote) {
        deliver(s);
    }
    s->mode = wrote || s->mode == MODE_IDLE ? MODE_READ : MODE_CONFUSED;
}

static void stop(SMBusDevice *s)
{
    /* Without data it was a quick command, which nobody here minds. */
    if (s->data_len > 0 && s->mode == MODE_WRITE) {
        deliver(s);
    }
    s->mode = MODE_IDLE;
    s->data_len = 0;
}

static void slave_event(I2CSlave *slave, I2CEvent event)
{
    SMBusDevice *s = SMBUS_DEVICE(slave);

    switch (event) {
    case I2C_START_SEND:
        s->mode = s->mode == MODE_IDLE ? MODE_WRITE : MODE_CONFUSED;
        break;
    case I2C_START_RECV:
        start_recv(s);
        break;
    case I2C_NACK:
        s->mode = s->mode == MODE_READ ? MODE_DONE : s->mode == MODE_DONE ? MODE_DONE : MODE_CONFUSED;
        break;
    default:
        stop(s);
        break;
    }
}

static void slave_send(I2CSlave *slave, uint8_t byte)
{
    SMBusDevice *s = SMBUS_DEVICE(slave);

    if (s->mode != MODE_WRITE || s->data_len >= (int)sizeof(s->data_buf)) {
        log_guest_error("smbus: a byte that slave %#x does not expect\n", slave->address);
        return;
    }
    s->data_buf[s->data_len++] = byte;
}

static uint8_t slave_recv(I2CSlave *slave)
{
    SMBusDevice *s = SMBUS_DEVICE(slave);

    return s->mode == MODE_READ ? SMBUS_DEVICE_GET_CLASS(s)->receive_byte(s) : 0xff;
}

static bool device_post_load(void *opaque, int version_id, GError **error)
{
    SMBusDevice *s = opaque;

    s->mode = s->mode < MODE_CONFUSED || s->mode > MODE_DONE ? MODE_CONFUSED : s->mode;
    s->data_len = CLAMP(s->data_len, 0, (int)sizeof(s->data_buf));
    return true;
}

const VMStateDescription vmstate_smbus_device = {
    .name = "smbus-device", .version_id = 1, .minimum_version_id = 1, .post_load = device_post_load,
    .fields = VMS_FIELDS(
        VMS_STRUCT(SMBusDevice, parent_obj, vmstate_i2c_slave, .name = "i2c"),
        VMS_I32(SMBusDevice, mode),
        VMS_I32(SMBusDevice, data_len),
        VMS_U8_ARRAY(SMBusDevice, data_buf)),
};

static void device_class_init(ObjectClass *klass, const void *data)
{
    I2CSlaveClass *sc = I2C_SLAVE_CLASS(klass);

    sc->event = slave_event;
    sc->send = slave_send;
    sc->recv = slave_recv;
}

static const TypeInfo device_type = {
    .name = TYPE_SMBUS_DEVICE, .parent = TYPE_I2C_SLAVE, .abstract = true, .size = sizeof(SMBusDevice),
    .class_size = sizeof(SMBusDeviceClass), .class_init = device_class_init,
};
TYPE_REGISTER(device_type)

/* A master's part. */
bool smbus_quick(I2CBus *bus, uint8_t address, bool read)
{
    if (!i2c_start(bus, address, read)) {
        return false;
    }
    i2c_stop(bus);
    return true;
}

static void recv_all(I2CBus *bus, uint8_t *data, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        data[i] = i2c_recv(bus);
    }
    i2c_nack(bus);
    i2c_stop(bus);
}

static void send_all(I2CBus *bus, const uint8_t *data, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        i2c_send(bus, data[i]);
    }
    i2c_stop(bus);
}

bool smbus_receive_byte(I2CBus *bus, uint8_t address, uint8_t *data)
{
    if (!i2c_start(bus, address, true)) {
        return false;
    }
    recv_all(bus, data, 1);
    return true;
}

bool smbus_send_byte(I2CBus *bus, uint8_t address, uint8_t data)
{
    if (!i2c_start(bus, address, false)) {
        return false;
    }
    send_all(bus, &data, 1);
    return true;
}

static bool start_command(I2CBus *bus, uint8_t address, uint8_t command)
{
    if (!i2c_start(bus, address, false)) {
        return false;
    }
    i2c_send(bus, command);
    return true;
}

bool smbus_read_data(I2CBus *bus, uint8_t address, uint8_t command, uint8_t *data, unsigned bytes)
{
    if (!start_command(bus, address, command) || !i2c_start(bus, address, true)) {
        return false;
    }
    recv_all(bus, data, bytes);
    return true;
}

bool smbus_write_data(I2CBus *bus, uint8_t address, uint8_t command, const uint8_t *data, unsigned bytes)
{
    if (!start_command(bus, address, command)) {
        return false;
    }
    send_all(bus, data, bytes);
    return true;
}

bool smbus_read_block(I2CBus *bus, uint8_t address, uint8_t command, uint8_t *data, unsigned *len, bool counted)
{
    if ((counted && !start_command(bus, address, command)) || !i2c_start(bus, address, true)) {
        return false;
    }
    *len = counted ? i2c_recv(bus) : SMBUS_BLOCK_MAX;
    *len = *len > SMBUS_BLOCK_MAX ? 0 : *len;
    recv_all(bus, data, *len);
    return true;
}

bool smbus_write_block(I2CBus *bus, uint8_t address, uint8_t command, const uint8_t *data, unsigned len, bool counted)
{
    len = MIN(len, SMBUS_BLOCK_MAX);
    if (!start_command(bus, address, command)) {
        return false;
    }
    if (counted) {
        i2c_send(bus, len);
    }
    send_all(bus, data, len);
    return true;
}

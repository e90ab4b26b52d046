/* One CPU. hw/i386/acpi-tables.c makes as many as there can be, each with a name and a number of its own. */
DefinitionBlock ("", "SSDT", 2, "GODWIT", "CPU", 1)
{
    Scope (\_SB)
    {
        Device (CPUT)
        {
            Name (_HID, "ACPI0007")
            Name (_UID, 0xFFFFFFF1)
        }
    }
}

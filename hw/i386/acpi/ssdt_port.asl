/* One root port whose slot takes hot plug through ACPI. hw/i386/acpi-tables.c makes one for each that there is. */
DefinitionBlock ("", "SSDT", 2, "GODWIT", "PORT", 1)
{
    External (\_SB.PCI0, DeviceObj)
    External (\_SB.PCI0.HPLK, MutexObj)
    External (\_SB.PCI0.HPUP, FieldUnitObj)
    External (\_SB.PCI0.HPDN, FieldUnitObj)
    External (\_SB.PCI0.HPBN, FieldUnitObj)
    External (\_SB.PCI0.HPEV, MethodObj)

    Scope (\_SB.PCI0)
    {
        Device (PORT)
        {
            Name (_ADR, 0xFFFFFFF1)
            Name (BSEL, 0xFFFFFFF2)                         /* the number of the bus behind it */
            Device (S00)
            {
                Name (_ADR, Zero)
                Name (_SUN, 0xFFFFFFF3)
                Method (_EJ0, 1, NotSerialized)
                {
                    HPEV (BSEL, Zero)
                }
            }
            Method (HPSC, 0, Serialized)                    /* tells the system what was plugged and what is to go */
            {
                Acquire (HPLK, 0xFFFF)
                HPBN = BSEL
                Local0 = HPUP
                Local1 = HPDN
                Release (HPLK)
                If (Local0 & One) { Notify (S00, One) }
                If (Local1 & One) { Notify (S00, 0x03) }
            }
        }
    }
}

/*
 * The q35 board, as ACPI describes it to an operating system. What varies from machine to machine is in the names at the
 * top, whose values hw/i386/acpi-tables.c writes into the compiled table; CPUs and ports are in the tables beside it.
 */
DefinitionBlock ("", "DSDT", 2, "GODWIT", "Q35BOARD", 1)
{
    Name (\PCTL, 0xFFFFFFF1)                /* PCI Express features that the system may take over: _OSC's control bits */
    Name (\ECAM, 0xFFFFFFF2)                /* configuration space in memory, 0: off */
    Name (\ECAL, 0xFFFFFFF3)                /* its length */
    Name (\MM1B, 0xFFFFFFF4)                /* memory below 4 GiB for PCI: two ranges, a length of 0: none */
    Name (\MM1L, 0xFFFFFFF5)
    Name (\MM2B, 0xFFFFFFF6)
    Name (\MM2L, 0xFFFFFFF7)
    Name (\MM3B, 0xFFFFFFF8)                /* … and above, in MiB: SeaBIOS can't read constants of 64 bits */
    Name (\MM3L, 0xFFFFFFF9)
    Name (\COMS, 0xFFFFFFFA)                /* serial ports that are there: bit 0 COM1 */
    Name (\KBDP, 0xFFFFFFFB)                /* 1: there is a keyboard controller */
    Name (\HPTP, 0xFFFFFFFC)                /* 1: there is an HPET */
    Name (\HPPP, 0xFFFFFFFD)                /* 1: PCI hot plug is ACPI's */

    Name (\_S3, Package () { 0x01, 0x01, Zero, Zero })
    Name (\_S4, Package () { 0x02, 0x02, Zero, Zero })
    Name (\_S5, Package () { Zero, Zero, Zero, Zero })

    Name (\PICM, Zero)                      /* 0: the two 8259s; 1: the I/O APIC */
    Method (\_PIC, 1, NotSerialized)
    {
        PICM = Arg0
    }

    Scope (\_SB)
    {
        Device (PCI0)
        {
            Name (_HID, EisaId ("PNP0A08"))
            Name (_CID, EisaId ("PNP0A03"))
            Name (_UID, Zero)
            Name (_BBN, Zero)
            Name (_SEG, Zero)

            Method (_OSC, 4, NotSerialized)
            {
                CreateDWordField (Arg3, Zero, CDW1)
                If (Arg0 == ToUUID ("33db4d5b-1ff7-401c-9657-7441c03dd766"))
                {
                    CreateDWordField (Arg3, 0x08, CDW3)
                    Local0 = CDW3 & PCTL
                    If (Arg1 != One)
                    {
                        CDW1 |= 0x08        /* a revision that nobody knows */
                    }
                    If (CDW3 != Local0)
                    {
                        CDW1 |= 0x10        /* less than was asked for */
                    }
                    CDW3 = Local0
                }
                Else
                {
                    CDW1 |= 0x04
                }
                Return (Arg3)
            }

            Name (CRS0, ResourceTemplate ()
            {
                WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode, 0, 0, 0xFF, 0, 0x100)
                IO (Decode16, 0x0CF8, 0x0CF8, 1, 8)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange, 0, 0, 0x0CF7, 0, 0x0CF8)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange, 0, 0x0D00, 0xFFFF, 0, 0xF300)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite,
                             0, 0x000A0000, 0x000BFFFF, 0, 0x00020000)
            })
            Name (CRS1, ResourceTemplate ()
            {
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                             0, 0, 0, 0, 0, , , MEM1)
            })
            Name (CRS2, ResourceTemplate ()
            {
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                             0, 0, 0, 0, 0, , , MEM2)
            })
            Name (CRS3, ResourceTemplate ()
            {
                QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite,
                             0, 0, 0, 0, 0, , , MEM3)
            })
            Method (_CRS, 0, Serialized)
            {
                Local0 = CRS0
                If (MM1L)
                {
                    CreateDWordField (CRS1, ^MEM1._MIN, MN1)
                    CreateDWordField (CRS1, ^MEM1._MAX, MX1)
                    CreateDWordField (CRS1, ^MEM1._LEN, LN1)
                    MN1 = MM1B
                    MX1 = MM1B + MM1L - 1
                    LN1 = MM1L
                    ConcatenateResTemplate (Local0, CRS1, Local0)
                }
                If (MM2L)
                {
                    CreateDWordField (CRS2, ^MEM2._MIN, MN2)
                    CreateDWordField (CRS2, ^MEM2._MAX, MX2)
                    CreateDWordField (CRS2, ^MEM2._LEN, LN2)
                    MN2 = MM2B
                    MX2 = MM2B + MM2L - 1
                    LN2 = MM2L
                    ConcatenateResTemplate (Local0, CRS2, Local0)
                }
                If (MM3L)
                {
                    CreateQWordField (CRS3, ^MEM3._MIN, MN3)
                    CreateQWordField (CRS3, ^MEM3._MAX, MX3)
                    CreateQWordField (CRS3, ^MEM3._LEN, LN3)
                    MN3 = MM3B << 20
                    MX3 = ((MM3B + MM3L) << 20) - 1
                    LN3 = MM3L << 20
                    ConcatenateResTemplate (Local0, CRS3, Local0)
                }
                Return (Local0)
            }

            /* The row of a slot's pin. Slots 0 to 24 begin at PIRQ E and go on by one a slot; 25 to 30 share E to H;
               31 has A to D. */
            Method (PRTE, 2, Serialized)
            {
                If (Arg0 == 31)
                {
                    Local4 = Arg1
                }
                ElseIf (Arg0 < 25)
                {
                    Local4 = 4 + ((Arg0 + Arg1) & 3)
                }
                Else
                {
                    Local4 = 4 + Arg1
                }
                If (PICM)
                {
                    Local5 = Package (4) { Zero, Zero, Zero, Zero }
                    Local5 [3] = 16 + Local4
                }
                Else
                {
                    Switch (ToInteger (Local4))
                    {
                        Case (0) { Local5 = Package (4) { Zero, Zero, LNKA, Zero } }
                        Case (1) { Local5 = Package (4) { Zero, Zero, LNKB, Zero } }
                        Case (2) { Local5 = Package (4) { Zero, Zero, LNKC, Zero } }
                        Case (3) { Local5 = Package (4) { Zero, Zero, LNKD, Zero } }
                        Case (4) { Local5 = Package (4) { Zero, Zero, LNKE, Zero } }
                        Case (5) { Local5 = Package (4) { Zero, Zero, LNKF, Zero } }
                        Case (6) { Local5 = Package (4) { Zero, Zero, LNKG, Zero } }
                        Default { Local5 = Package (4) { Zero, Zero, LNKH, Zero } }
                    }
                }
                Local5 [0] = (Arg0 << 16) | 0xFFFF
                Local5 [1] = Arg1
                Return (Local5)
            }
            Method (_PRT, 0, Serialized)
            {
                Local0 = Package (128) {}
                For (Local1 = Zero, Local1 < 128, Local1++)
                {
                    Local0 [Local1] = PRTE (Local1 >> 2, Local1 & 3)
                }
                Return (Local0)
            }

            /* Hot plug: see include/hw/acpi/pcihp.h. */
            OperationRegion (HPRG, SystemIO, 0x0CC0, 0x14)
            Field (HPRG, DWordAcc, NoLock, WriteAsZeros)
            {
                HPUP, 32,
                HPDN, 32,
                HPEJ, 32,
                HPRM, 32,
                HPBN, 32
            }
            Mutex (HPLK, 0)
            Method (HPEV, 2, NotSerialized)                 /* bus, slot: eject */
            {
                Acquire (HPLK, 0xFFFF)
                HPBN = Arg0
                HPEJ = One << Arg1
                Release (HPLK)
            }

            Device (LPC)
            {
                Name (_ADR, 0x001F0000)
                OperationRegion (CFG, PCI_Config, 0x60, 0x0C)
                Field (CFG, ByteAcc, NoLock, Preserve)
                {
                    PRQA, 8, PRQB, 8, PRQC, 8, PRQD, 8,
                    Offset (0x08),
                    PRQE, 8, PRQF, 8, PRQG, 8, PRQH, 8
                }

                Device (RTC)
                {
                    Name (_HID, EisaId ("PNP0B00"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0070, 0x0070, 1, 8)
                        IRQNoFlags () { 8 }
                    })
                }
                Device (KBD)
                {
                    Name (_HID, EisaId ("PNP0303"))
                    Method (_STA) { Return (KBDP * 0x0F) }
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0060, 0x0060, 1, 1)
                        IO (Decode16, 0x0064, 0x0064, 1, 1)
                        IRQNoFlags () { 1 }
                    })
                }
                Device (MOU)
                {
                    Name (_HID, EisaId ("PNP0F13"))
                    Method (_STA) { Return (KBDP * 0x0F) }
                    Name (_CRS, ResourceTemplate () { IRQNoFlags () { 12 } })
                }
                Device (COM1)
                {
                    Name (_HID, EisaId ("PNP0501"))
                    Name (_UID, 1)
                    Method (_STA) { Return ((COMS & 1) * 0x0F) }
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x03F8, 0x03F8, 0, 8)
                        IRQNoFlags () { 4 }
                    })
                }
                Device (COM2)
                {
                    Name (_HID, EisaId ("PNP0501"))
                    Name (_UID, 2)
                    Method (_STA) { Return (((COMS >> 1) & 1) * 0x0F) }
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x02F8, 0x02F8, 0, 8)
                        IRQNoFlags () { 3 }
                    })
                }
                Device (COM3)
                {
                    Name (_HID, EisaId ("PNP0501"))
                    Name (_UID, 3)
                    Method (_STA) { Return (((COMS >> 2) & 1) * 0x0F) }
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x03E8, 0x03E8, 0, 8)
                        IRQNoFlags () { 4 }
                    })
                }
                Device (COM4)
                {
                    Name (_HID, EisaId ("PNP0501"))
                    Name (_UID, 4)
                    Method (_STA) { Return (((COMS >> 3) & 1) * 0x0F) }
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x02E8, 0x02E8, 0, 8)
                        IRQNoFlags () { 3 }
                    })
                }
            }
        }

        /* What lies in PCI's space and is not PCI's. */
        Device (HPRS)
        {
            Name (_HID, EisaId ("PNP0A06"))
            Name (_UID, "PCI hot plug")
            Method (_STA) { Return (HPPP * 0x0B) }
            Name (_CRS, ResourceTemplate () { IO (Decode16, 0x0CC0, 0x0CC0, 1, 0x18) })
        }
        Device (GPRS)
        {
            Name (_HID, EisaId ("PNP0A06"))
            Name (_UID, "power management")
            Name (_STA, 0x0B)
            Name (_CRS, ResourceTemplate () { IO (Decode16, 0x0600, 0x0600, 1, 0x80) })
        }
        Device (ECMM)
        {
            Name (_HID, EisaId ("PNP0C01"))
            Method (_STA)
            {
                If (ECAM) { Return (0x0F) }
                Return (Zero)
            }
            Name (RBUF, ResourceTemplate ()
            {
                DWordMemory (ResourceConsumer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                             0, 0, 0, 0, 0, , , EMEM)
            })
            Method (_CRS, 0, Serialized)
            {
                CreateDWordField (RBUF, ^EMEM._MIN, EMIN)
                CreateDWordField (RBUF, ^EMEM._MAX, EMAX)
                CreateDWordField (RBUF, ^EMEM._LEN, ELEN)
                EMIN = ECAM
                EMAX = ECAM + ECAL - 1
                ELEN = ECAL
                Return (RBUF)
            }
        }
        Device (HPET)
        {
            Name (_HID, EisaId ("PNP0103"))
            Name (_UID, Zero)
            Method (_STA) { Return (HPTP * 0x0F) }
            Name (_CRS, ResourceTemplate () { Memory32Fixed (ReadOnly, 0xFED00000, 0x0400) })
        }

        /* The eight interrupt links, for who uses the 8259s. */
        Method (LSTA, 1, NotSerialized)                     /* bit 7 of the routing register: off */
        {
            If (Arg0 & 0x80) { Return (0x09) }
            Return (0x0B)
        }
        Name (LPRS, ResourceTemplate () { IRQ (Level, ActiveHigh, Shared) { 5, 10, 11 } })
        Name (BUFI, ResourceTemplate () { IRQ (Level, ActiveHigh, Shared, LIRQ) { 5 } })
        Method (LCRS, 1, Serialized)
        {
            CreateWordField (BUFI, ^LIRQ._INT, LMSK)
            If (Arg0 & 0x80) { LMSK = Zero }
            Else { LMSK = One << (Arg0 & 0x0F) }
            Return (BUFI)
        }
        Method (LSRS, 1, Serialized)                        /* what _SRS is given, as a routing register has it */
        {
            CreateWordField (Arg0, One, LMSK)
            FindSetRightBit (LMSK, Local0)
            Return (Local0 - 1)
        }
        Device (LNKA)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 0)
            Method (_STA) { Return (LSTA (\_SB.PCI0.LPC.PRQA)) }
            Method (_DIS) { \_SB.PCI0.LPC.PRQA |= 0x80 }
            Method (_CRS) { Return (LCRS (\_SB.PCI0.LPC.PRQA)) }
            Method (_PRS) { Return (LPRS) }
            Method (_SRS, 1) { \_SB.PCI0.LPC.PRQA = LSRS (Arg0) }
        }
        Device (LNKB)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 1)
            Method (_STA) { Return (LSTA (\_SB.PCI0.LPC.PRQB)) }
            Method (_DIS) { \_SB.PCI0.LPC.PRQB |= 0x80 }
            Method (_CRS) { Return (LCRS (\_SB.PCI0.LPC.PRQB)) }
            Method (_PRS) { Return (LPRS) }
            Method (_SRS, 1) { \_SB.PCI0.LPC.PRQB = LSRS (Arg0) }
        }
        Device (LNKC)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 2)
            Method (_STA) { Return (LSTA (\_SB.PCI0.LPC.PRQC)) }
            Method (_DIS) { \_SB.PCI0.LPC.PRQC |= 0x80 }
            Method (_CRS) { Return (LCRS (\_SB.PCI0.LPC.PRQC)) }
            Method (_PRS) { Return (LPRS) }
            Method (_SRS, 1) { \_SB.PCI0.LPC.PRQC = LSRS (Arg0) }
        }
        Device (LNKD)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 3)
            Method (_STA) { Return (LSTA (\_SB.PCI0.LPC.PRQD)) }
            Method (_DIS) { \_SB.PCI0.LPC.PRQD |= 0x80 }
            Method (_CRS) { Return (LCRS (\_SB.PCI0.LPC.PRQD)) }
            Method (_PRS) { Return (LPRS) }
            Method (_SRS, 1) { \_SB.PCI0.LPC.PRQD = LSRS (Arg0) }
        }
        Device (LNKE)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 4)
            Method (_STA) { Return (LSTA (\_SB.PCI0.LPC.PRQE)) }
            Method (_DIS) { \_SB.PCI0.LPC.PRQE |= 0x80 }
            Method (_CRS) { Return (LCRS (\_SB.PCI0.LPC.PRQE)) }
            Method (_PRS) { Return (LPRS) }
            Method (_SRS, 1) { \_SB.PCI0.LPC.PRQE = LSRS (Arg0) }
        }
        Device (LNKF)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 5)
            Method (_STA) { Return (LSTA (\_SB.PCI0.LPC.PRQF)) }
            Method (_DIS) { \_SB.PCI0.LPC.PRQF |= 0x80 }
            Method (_CRS) { Return (LCRS (\_SB.PCI0.LPC.PRQF)) }
            Method (_PRS) { Return (LPRS) }
            Method (_SRS, 1) { \_SB.PCI0.LPC.PRQF = LSRS (Arg0) }
        }
        Device (LNKG)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 6)
            Method (_STA) { Return (LSTA (\_SB.PCI0.LPC.PRQG)) }
            Method (_DIS) { \_SB.PCI0.LPC.PRQG |= 0x80 }
            Method (_CRS) { Return (LCRS (\_SB.PCI0.LPC.PRQG)) }
            Method (_PRS) { Return (LPRS) }
            Method (_SRS, 1) { \_SB.PCI0.LPC.PRQG = LSRS (Arg0) }
        }
        Device (LNKH)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 7)
            Method (_STA) { Return (LSTA (\_SB.PCI0.LPC.PRQH)) }
            Method (_DIS) { \_SB.PCI0.LPC.PRQH |= 0x80 }
            Method (_CRS) { Return (LCRS (\_SB.PCI0.LPC.PRQH)) }
            Method (_PRS) { Return (LPRS) }
            Method (_SRS, 1) { \_SB.PCI0.LPC.PRQH = LSRS (Arg0) }
        }
    }
}

/*
 * Registers of PCI configuration space: PCI Local Bus 3.0, PCI-to-PCI Bridge 1.2, Power Management 1.2, PCI Express
 * Base 4.0. Offsets, and bits and fields below them; names are the usual ones. A capability's registers are at
 * offsets in it.
 */
#ifndef HW_PCI_PCI_REGS_H
#define HW_PCI_PCI_REGS_H

/* Type 0 and 1 header. */
#define PCI_VENDOR_ID 0x00
#define PCI_DEVICE_ID 0x02
#define PCI_COMMAND 0x04
#define PCI_COMMAND_IO 0x1
#define PCI_COMMAND_MEMORY 0x2
#define PCI_COMMAND_MASTER 0x4
#define PCI_COMMAND_PARITY 0x40
#define PCI_COMMAND_SERR 0x100
#define PCI_COMMAND_INTX_DISABLE 0x400
#define PCI_STATUS 0x06
#define PCI_STATUS_INTERRUPT 0x8
#define PCI_STATUS_CAP_LIST 0x10
#define PCI_STATUS_PARITY 0x100             /* master data parity error */
#define PCI_STATUS_SIG_TARGET_ABORT 0x800
#define PCI_STATUS_REC_TARGET_ABORT 0x1000
#define PCI_STATUS_REC_MASTER_ABORT 0x2000
#define PCI_STATUS_SIG_SYSTEM_ERROR 0x4000
#define PCI_STATUS_DETECTED_PARITY 0x8000
#define PCI_REVISION_ID 0x08
#define PCI_CLASS_PROG 0x09
#define PCI_CLASS_DEVICE 0x0a
#define PCI_CACHE_LINE_SIZE 0x0c
#define PCI_LATENCY_TIMER 0x0d
#define PCI_HEADER_TYPE 0x0e
#define PCI_HEADER_TYPE_NORMAL 0
#define PCI_HEADER_TYPE_BRIDGE 1
#define PCI_HEADER_TYPE_MULTI_FUNCTION 0x80
#define PCI_BIST 0x0f
#define PCI_BASE_ADDRESS_0 0x10
#define PCI_BASE_ADDRESS_SPACE_IO 0x1
#define PCI_BASE_ADDRESS_SPACE_MEMORY 0x0
#define PCI_BASE_ADDRESS_MEM_TYPE_64 0x4
#define PCI_BASE_ADDRESS_MEM_PREFETCH 0x8
#define PCI_CARDBUS_CIS 0x28
#define PCI_SUBSYSTEM_VENDOR_ID 0x2c
#define PCI_SUBSYSTEM_ID 0x2e
#define PCI_ROM_ADDRESS 0x30
#define PCI_ROM_ADDRESS_ENABLE 0x1
#define PCI_CAPABILITY_LIST 0x34
#define PCI_INTERRUPT_LINE 0x3c
#define PCI_INTERRUPT_PIN 0x3d
#define PCI_MIN_GNT 0x3e
#define PCI_MAX_LAT 0x3f
#define PCI_STD_HEADER_SIZEOF 0x40

/* Type 1 header. */
#define PCI_PRIMARY_BUS 0x18
#define PCI_SECONDARY_BUS 0x19
#define PCI_SUBORDINATE_BUS 0x1a
#define PCI_SEC_LATENCY_TIMER 0x1b
#define PCI_IO_BASE 0x1c
#define PCI_IO_LIMIT 0x1d
#define PCI_IO_RANGE_TYPE_MASK 0x0f
#define PCI_IO_RANGE_TYPE_16 0x00
#define PCI_IO_RANGE_TYPE_32 0x01
#define PCI_SEC_STATUS 0x1e
#define PCI_MEMORY_BASE 0x20
#define PCI_MEMORY_LIMIT 0x22
#define PCI_PREF_MEMORY_BASE 0x24
#define PCI_PREF_MEMORY_LIMIT 0x26
#define PCI_PREF_RANGE_TYPE_MASK 0x0f
#define PCI_PREF_RANGE_TYPE_64 0x01
#define PCI_PREF_BASE_UPPER32 0x28
#define PCI_PREF_LIMIT_UPPER32 0x2c
#define PCI_IO_BASE_UPPER16 0x30
#define PCI_IO_LIMIT_UPPER16 0x32
#define PCI_ROM_ADDRESS1 0x38
#define PCI_BRIDGE_CONTROL 0x3e
#define PCI_BRIDGE_CTL_PARITY 0x1
#define PCI_BRIDGE_CTL_SERR 0x2
#define PCI_BRIDGE_CTL_ISA 0x4
#define PCI_BRIDGE_CTL_VGA 0x8
#define PCI_BRIDGE_CTL_VGA_16BIT 0x10
#define PCI_BRIDGE_CTL_MASTER_ABORT 0x20
#define PCI_BRIDGE_CTL_BUS_RESET 0x40
#define PCI_BRIDGE_CTL_FAST_BACK 0x80
#define PCI_BRIDGE_CTL_DISCARD 0x100
#define PCI_BRIDGE_CTL_SEC_DISCARD 0x200
#define PCI_BRIDGE_CTL_DISCARD_STATUS 0x400
#define PCI_BRIDGE_CTL_DISCARD_SERR 0x800

/* Capabilities: id, next, registers. */
#define PCI_CAP_LIST_ID 0
#define PCI_CAP_LIST_NEXT 1
#define PCI_CAP_FLAGS 2
#define PCI_CAP_ID_PM 0x01
#define PCI_CAP_ID_MSI 0x05
#define PCI_CAP_ID_VNDR 0x09
#define PCI_CAP_ID_SSVID 0x0d
#define PCI_CAP_ID_EXP 0x10
#define PCI_CAP_ID_MSIX 0x11
#define PCI_CAP_ID_SATA 0x12
#define PCI_CAP_ID_AF 0x13

#define PCI_SSVID_SVID 4
#define PCI_SSVID_SSID 6
#define PCI_SSVID_SIZEOF 8

/* Power management. */
#define PCI_PM_PMC 2
#define PCI_PM_CTRL 4
#define PCI_PM_CTRL_STATE_MASK 0x3
#define PCI_PM_CTRL_NO_SOFT_RESET 0x8
#define PCI_PM_SIZEOF 8

/* MSI. */
#define PCI_MSI_FLAGS 2
#define PCI_MSI_FLAGS_ENABLE 0x1
#define PCI_MSI_FLAGS_QMASK 0xe
#define PCI_MSI_FLAGS_QSIZE 0x70
#define PCI_MSI_FLAGS_64BIT 0x80
#define PCI_MSI_FLAGS_MASKBIT 0x100
#define PCI_MSI_ADDRESS_LO 4
#define PCI_MSI_ADDRESS_HI 8
#define PCI_MSI_DATA_32 8
#define PCI_MSI_DATA_64 12
#define PCI_MSI_MASK_32 12
#define PCI_MSI_MASK_64 16
#define PCI_MSI_PENDING_32 16
#define PCI_MSI_PENDING_64 20

/* MSI-X. */
#define PCI_MSIX_FLAGS 2
#define PCI_MSIX_FLAGS_QSIZE 0x7ff
#define PCI_MSIX_FLAGS_MASKALL 0x4000
#define PCI_MSIX_FLAGS_ENABLE 0x8000
#define PCI_MSIX_TABLE 4
#define PCI_MSIX_PBA 8
#define PCI_MSIX_FLAGS_BIRMASK 0x7
#define PCI_CAP_MSIX_SIZEOF 12
#define PCI_MSIX_ENTRY_SIZE 16
#define PCI_MSIX_ENTRY_LOWER_ADDR 0
#define PCI_MSIX_ENTRY_UPPER_ADDR 4
#define PCI_MSIX_ENTRY_DATA 8
#define PCI_MSIX_ENTRY_VECTOR_CTRL 12
#define PCI_MSIX_ENTRY_CTRL_MASKBIT 0x1

/* PCI Express. */
#define PCI_EXP_FLAGS 0x02
#define PCI_EXP_FLAGS_VERS 0xf
#define PCI_EXP_FLAGS_TYPE 0xf0
#define PCI_EXP_FLAGS_TYPE_SHIFT 4
#define PCI_EXP_TYPE_ENDPOINT 0x0
#define PCI_EXP_TYPE_LEG_END 0x1
#define PCI_EXP_TYPE_ROOT_PORT 0x4
#define PCI_EXP_TYPE_UPSTREAM 0x5
#define PCI_EXP_TYPE_DOWNSTREAM 0x6
#define PCI_EXP_TYPE_PCI_BRIDGE 0x7
#define PCI_EXP_TYPE_PCIE_BRIDGE 0x8
#define PCI_EXP_TYPE_RC_END 0x9
#define PCI_EXP_TYPE_RC_EC 0xa
#define PCI_EXP_FLAGS_SLOT 0x100
#define PCI_EXP_FLAGS_IRQ 0x3e00
#define PCI_EXP_FLAGS_IRQ_SHIFT 9
#define PCI_EXP_DEVCAP 0x04
#define PCI_EXP_DEVCAP_EXT_TAG 0x20
#define PCI_EXP_DEVCAP_RBER 0x8000          /* role-based error reporting */
#define PCI_EXP_DEVCAP_FLR 0x10000000
#define PCI_EXP_DEVCTL 0x08
#define PCI_EXP_DEVCTL_CERE 0x1             /* correctable error reporting enable, … */
#define PCI_EXP_DEVCTL_NFERE 0x2
#define PCI_EXP_DEVCTL_FERE 0x4
#define PCI_EXP_DEVCTL_URRE 0x8
#define PCI_EXP_DEVCTL_EXT_TAG 0x100
#define PCI_EXP_DEVCTL_BCR_FLR 0x8000
#define PCI_EXP_DEVSTA 0x0a
#define PCI_EXP_DEVSTA_CED 0x1
#define PCI_EXP_DEVSTA_NFED 0x2
#define PCI_EXP_DEVSTA_FED 0x4
#define PCI_EXP_DEVSTA_URD 0x8
#define PCI_EXP_LNKCAP 0x0c
#define PCI_EXP_LNKCAP_SLS 0xf
#define PCI_EXP_LNKCAP_MLW_SHIFT 4
#define PCI_EXP_LNKCAP_ASPMS_0S 0x400
#define PCI_EXP_LNKCAP_DLLLARC 0x100000     /* data link layer link active reporting capable */
#define PCI_EXP_LNKCAP_LBNC 0x200000
#define PCI_EXP_LNKCAP_PN_SHIFT 24
#define PCI_EXP_LNKCTL 0x10
#define PCI_EXP_LNKCTL_CCC 0x40
#define PCI_EXP_LNKCTL_ES 0x80
#define PCI_EXP_LNKSTA 0x12
#define PCI_EXP_LNKSTA_CLS 0xf
#define PCI_EXP_LNKSTA_NLW 0x3f0
#define PCI_EXP_LNKSTA_NLW_SHIFT 4
#define PCI_EXP_LNKSTA_DLLLA 0x2000
#define PCI_EXP_SLTCAP 0x14
#define PCI_EXP_SLTCAP_ABP 0x1              /* attention button present, … */
#define PCI_EXP_SLTCAP_PCP 0x2
#define PCI_EXP_SLTCAP_MRLSP 0x4
#define PCI_EXP_SLTCAP_AIP 0x8
#define PCI_EXP_SLTCAP_PIP 0x10
#define PCI_EXP_SLTCAP_HPS 0x20
#define PCI_EXP_SLTCAP_HPC 0x40
#define PCI_EXP_SLTCAP_EIP 0x20000
#define PCI_EXP_SLTCAP_NCCS 0x40000
#define PCI_EXP_SLTCAP_PSN_SHIFT 19
#define PCI_EXP_SLTCTL 0x18
#define PCI_EXP_SLTCTL_ABPE 0x1
#define PCI_EXP_SLTCTL_PFDE 0x2
#define PCI_EXP_SLTCTL_MRLSCE 0x4
#define PCI_EXP_SLTCTL_PDCE 0x8
#define PCI_EXP_SLTCTL_CCIE 0x10
#define PCI_EXP_SLTCTL_HPIE 0x20
#define PCI_EXP_SLTCTL_AIC 0xc0
#define PCI_EXP_SLTCTL_AIC_OFF 0xc0
#define PCI_EXP_SLTCTL_PIC 0x300
#define PCI_EXP_SLTCTL_PIC_ON 0x100
#define PCI_EXP_SLTCTL_PIC_BLINK 0x200
#define PCI_EXP_SLTCTL_PIC_OFF 0x300
#define PCI_EXP_SLTCTL_PCC 0x400            /* 1: power off */
#define PCI_EXP_SLTCTL_EIC 0x800
#define PCI_EXP_SLTCTL_DLLSCE 0x1000
#define PCI_EXP_SLTSTA 0x1a
#define PCI_EXP_SLTSTA_ABP 0x1
#define PCI_EXP_SLTSTA_PFD 0x2
#define PCI_EXP_SLTSTA_MRLSC 0x4
#define PCI_EXP_SLTSTA_PDC 0x8
#define PCI_EXP_SLTSTA_CC 0x10
#define PCI_EXP_SLTSTA_PDS 0x40
#define PCI_EXP_SLTSTA_EIS 0x80
#define PCI_EXP_SLTSTA_DLLSC 0x100
#define PCI_EXP_RTCTL 0x1c
#define PCI_EXP_RTCTL_SECEE 0x1             /* system error on correctable error enable, … */
#define PCI_EXP_RTCTL_SENFEE 0x2
#define PCI_EXP_RTCTL_SEFEE 0x4
#define PCI_EXP_RTCAP 0x1e
#define PCI_EXP_RTSTA 0x20
#define PCI_EXP_DEVCAP2 0x24
#define PCI_EXP_DEVCAP2_ARI 0x20
#define PCI_EXP_DEVCAP2_EFF 0x100000        /* extended fmt field */
#define PCI_EXP_DEVCAP2_EETLPP 0x200000     /* end-end TLP prefix */
#define PCI_EXP_DEVCTL2 0x28
#define PCI_EXP_DEVCTL2_ARI 0x20
#define PCI_EXP_DEVCTL2_EETLPPB 0x8000      /* end-end TLP prefix blocking */
#define PCI_EXP_LNKCAP2 0x2c
#define PCI_EXP_LNKCTL2 0x30
#define PCI_EXP_LNKSTA2 0x32
#define PCI_EXP_SLTCAP2 0x34
#define PCI_EXP_V2_SIZEOF 0x3c

/* Extended capabilities, from 0x100. */
#define PCI_EXT_CAP_ID(header) ((header) & 0xffff)
#define PCI_EXT_CAP_VER(header) (((header) >> 16) & 0xf)
#define PCI_EXT_CAP_NEXT(header) (((header) >> 20) & 0xffc)
#define PCI_EXT_CAP_ID_ERR 0x01
#define PCI_EXT_CAP_ID_DSN 0x03
#define PCI_EXT_CAP_ID_ACS 0x0d
#define PCI_EXT_CAP_ID_ARI 0x0e
#define PCI_EXT_CAP_ID_ATS 0x0f

/* Advanced error reporting. */
#define PCI_ERR_VER 2
#define PCI_ERR_SIZEOF 0x48
#define PCI_ERR_UNCOR_STATUS 0x04
#define PCI_ERR_UNC_DLP 0x00000010          /* data link protocol */
#define PCI_ERR_UNC_SDN 0x00000020          /* surprise down */
#define PCI_ERR_UNC_POISON_TLP 0x00001000
#define PCI_ERR_UNC_FCP 0x00002000          /* flow control protocol */
#define PCI_ERR_UNC_COMP_TIME 0x00004000
#define PCI_ERR_UNC_COMP_ABORT 0x00008000
#define PCI_ERR_UNC_UNX_COMP 0x00010000
#define PCI_ERR_UNC_RX_OVER 0x00020000
#define PCI_ERR_UNC_MALF_TLP 0x00040000
#define PCI_ERR_UNC_ECRC 0x00080000
#define PCI_ERR_UNC_UNSUP 0x00100000
#define PCI_ERR_UNC_ACSV 0x00200000
#define PCI_ERR_UNC_INTN 0x00400000         /* uncorrectable internal */
#define PCI_ERR_UNC_MCBTLP 0x00800000       /* multicast blocked */
#define PCI_ERR_UNC_ATOPEB 0x01000000       /* atomic op egress blocked */
#define PCI_ERR_UNC_TLPPRE 0x02000000       /* TLP prefix blocked */
#define PCI_ERR_UNCOR_MASK 0x08
#define PCI_ERR_UNCOR_SEVER 0x0c
#define PCI_ERR_COR_STATUS 0x10
#define PCI_ERR_COR_RCVR 0x0001
#define PCI_ERR_COR_BAD_TLP 0x0040
#define PCI_ERR_COR_BAD_DLLP 0x0080
#define PCI_ERR_COR_REP_ROLL 0x0100
#define PCI_ERR_COR_REP_TIMER 0x1000
#define PCI_ERR_COR_ADV_NFAT 0x2000         /* advisory non-fatal */
#define PCI_ERR_COR_INTERNAL 0x4000
#define PCI_ERR_COR_LOG_OVER 0x8000         /* header log overflow */
#define PCI_ERR_COR_MASK 0x14
#define PCI_ERR_CAP 0x18
#define PCI_ERR_CAP_FEP(x) ((x) & 0x1f)     /* first error pointer */
#define PCI_ERR_CAP_ECRC_GENC 0x20
#define PCI_ERR_CAP_ECRC_GENE 0x40
#define PCI_ERR_CAP_ECRC_CHKC 0x80
#define PCI_ERR_CAP_ECRC_CHKE 0x100
#define PCI_ERR_CAP_MHRC 0x200              /* multiple header recording capable, enable */
#define PCI_ERR_CAP_MHRE 0x400
#define PCI_ERR_CAP_TLP_PREFIX_LOG 0x800
#define PCI_ERR_HEADER_LOG 0x1c
#define PCI_ERR_HEADER_LOG_SIZE 16
#define PCI_ERR_ROOT_COMMAND 0x2c
#define PCI_ERR_ROOT_CMD_COR_EN 0x1
#define PCI_ERR_ROOT_CMD_NONFATAL_EN 0x2
#define PCI_ERR_ROOT_CMD_FATAL_EN 0x4
#define PCI_ERR_ROOT_STATUS 0x30
#define PCI_ERR_ROOT_COR_RCV 0x1
#define PCI_ERR_ROOT_MULTI_COR_RCV 0x2
#define PCI_ERR_ROOT_UNCOR_RCV 0x4
#define PCI_ERR_ROOT_MULTI_UNCOR_RCV 0x8
#define PCI_ERR_ROOT_FIRST_FATAL 0x10
#define PCI_ERR_ROOT_NONFATAL_RCV 0x20
#define PCI_ERR_ROOT_FATAL_RCV 0x40
#define PCI_ERR_ROOT_AER_IRQ 0xf8000000
#define PCI_ERR_ROOT_AER_IRQ_SHIFT 27
#define PCI_ERR_ROOT_ERR_SRC 0x34           /* correctable 15:0, uncorrectable 31:16 */
#define PCI_ERR_TLP_PREFIX_LOG 0x38
#define PCI_ERR_TLP_PREFIX_LOG_SIZE 16

/* Access control services, alternative routing-ID, address translation. */
#define PCI_ACS_VER 1
#define PCI_ACS_SIZEOF 8
#define PCI_ACS_CAP 4
#define PCI_ACS_SV 0x01                     /* source validation, translation blocking, P2P request, */
#define PCI_ACS_TB 0x02
#define PCI_ACS_RR 0x04
#define PCI_ACS_CR 0x08
#define PCI_ACS_UF 0x10                     /* completion redirect, upstream forwarding, egress, direct */
#define PCI_ACS_EC 0x20
#define PCI_ACS_DT 0x40
#define PCI_ACS_CTRL 6
#define PCI_ARI_VER 1
#define PCI_ARI_SIZEOF 8
#define PCI_ARI_CAP 4
#define PCI_ARI_CAP_NFN_SHIFT 8
#define PCI_ATS_VER 1
#define PCI_ATS_SIZEOF 8
#define PCI_ATS_CAP 4
#define PCI_ATS_CAP_PAGE_ALIGNED 0x20
#define PCI_ATS_CTRL 6
#define PCI_ATS_CTRL_STU 0x1f
#define PCI_ATS_CTRL_ENABLE 0x8000

/* Class codes. */
#define PCI_CLASS_STORAGE_SCSI 0x0100
#define PCI_CLASS_STORAGE_SATA 0x0106
#define PCI_CLASS_NETWORK_ETHERNET 0x0200
#define PCI_CLASS_DISPLAY_VGA 0x0300
#define PCI_CLASS_DISPLAY_OTHER 0x0380
#define PCI_CLASS_BRIDGE_HOST 0x0600
#define PCI_CLASS_BRIDGE_ISA 0x0601
#define PCI_CLASS_BRIDGE_PCI 0x0604
#define PCI_CLASS_COMMUNICATION_OTHER 0x0780
#define PCI_CLASS_SERIAL_USB 0x0c03
#define PCI_CLASS_SERIAL_SMBUS 0x0c05
#define PCI_CLASS_SYSTEM_OTHER 0x0880
#define PCI_CLASS_OTHERS 0x00ff

/* Vendors and devices. */
#define PCI_VENDOR_ID_INTEL 0x8086
#define PCI_VENDOR_ID_REDHAT 0x1b36
#define PCI_VENDOR_ID_REDHAT_QUMRANET 0x1af4
#define PCI_SUBVENDOR_ID_REDHAT_QUMRANET 0x1af4
#define PCI_SUBDEVICE_ID_QEMU 0x1100
#define PCI_DEVICE_ID_REDHAT_BRIDGE 0x0001
#define PCI_DEVICE_ID_REDHAT_PCIE_RP 0x000c

#endif

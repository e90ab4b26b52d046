"""ACPI tables: carries out the loader's commands as firmware does, finds the tables, and has acpiexec interpret them."""
import os
import re
import struct
import subprocess
import tempfile

BASE = {"etc/acpi/tables": 0x7fe0000, "etc/acpi/rsdp": 0xf5000}


def commands(loader):
    for i in range(0, len(loader), 128):
        entry = loader[i:i + 128]
        number = struct.unpack("<I", entry[:4])[0]
        name = entry[4:60].rstrip(b"\0").decode()
        if number == 1:
            yield ("allocate", name, *struct.unpack("<IB", entry[60:65]))
        elif number == 2:
            yield ("pointer", name, entry[60:116].rstrip(b"\0").decode(), *struct.unpack("<IB", entry[116:121]))
        elif number == 3:
            yield ("checksum", name, *struct.unpack("<III", entry[60:72]))
        elif number:
            raise AssertionError(f"loader command {number}")


class Tables:
    def __init__(self, fw):
        """Of a machine with fw_cfg."""
        files = {name: bytearray(fw.file(name)) for name in ("etc/acpi/tables", "etc/acpi/rsdp", "etc/table-loader")}
        self.raw = {name: bytes(data) for name, data in files.items()}
        self.commands = list(commands(files["etc/table-loader"]))
        for kind, name, *rest in self.commands:
            if kind == "pointer":
                source, offset, size = rest
                value = int.from_bytes(files[name][offset:offset + size], "little") + BASE[source]
                files[name][offset:offset + size] = value.to_bytes(size, "little")
            elif kind == "checksum":
                offset, start, length = rest
                files[name][offset] = (files[name][offset] - sum(files[name][start:start + length])) & 0xff
        self.data, self.rsdp = bytes(files["etc/acpi/tables"]), bytes(files["etc/acpi/rsdp"])
        rsdt = self.at(struct.unpack("<I", self.rsdp[16:20])[0])
        self.tables = {}
        for i in range(36, len(rsdt), 4):
            table = self.at(struct.unpack("<I", rsdt[i:i + 4])[0])
            self.tables[table[:4].decode()] = table
        self.tables["RSDT"] = rsdt
        fadt = self.tables["FACP"]
        self.tables["DSDT"] = self.at(struct.unpack("<I", fadt[40:44])[0])
        self.tables["FACS"] = self.at(struct.unpack("<I", fadt[36:40])[0])

    def at(self, address):
        offset = address - BASE["etc/acpi/tables"]
        length = struct.unpack("<I", self.data[offset + 4:offset + 8])[0]
        return self.data[offset:offset + length]

    def evaluate(self, *expressions):
        """What acpiexec says to each expression."""
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for name in ("DSDT", "SSDT"):
                paths.append(os.path.join(folder, name + ".aml"))
                with open(paths[-1], "wb") as f:
                    f.write(self.tables[name])
            said = subprocess.run(["acpiexec", "-b", ";".join("evaluate " + e for e in expressions), *paths],
                                  capture_output=True, text=True, timeout=60, cwd=folder).stdout
        assert "ACPI Error" not in said and "ACPI BIOS Error" not in said and "Warning (ACPI)" not in said, said
        parts = re.split(r"^Evaluating .*$", said, flags=re.M)[1:]
        assert len(parts) == len(expressions), said
        return parts

    def numbers(self, *expressions):
        return [int(re.search(r"\[Integer\] = ([0-9A-F]+)", part)[1], 16) for part in self.evaluate(*expressions)]

    def buffer(self, expression):
        part = self.evaluate(expression)[0]
        size = int(re.search(r"\[Buffer\] Length ([0-9A-F]+)", part)[1], 16)
        text = "".join(re.findall(r"(?:[0-9A-F]{4}:|=\s+[0-9A-F]{4}:)\s((?:[0-9A-F]{2}\s)+)", part))
        return bytes.fromhex(text)[:size]

"""File synchronisers beside us: rsync's daemon with an fsync a file, and Syncthing; both on loopback."""

import json
import os
import shutil
import subprocess
import time
import urllib.request
import xml.etree.ElementTree as xml

import machine


class Rsync:
    """A daemon with one module; times are the whole command of the client."""

    @staticmethod
    def is_there():
        return shutil.which("rsync") is not None

    @staticmethod
    def run(folder, source):
        shutil.rmtree(folder, ignore_errors=True)
        kept, back = os.path.join(folder, "kept"), os.path.join(folder, "back")
        os.makedirs(kept)
        port = machine.free_port()
        config = os.path.join(folder, "rsyncd.conf")
        with open(config, "w") as file:
            file.write(f"use chroot = no\nuid = {os.getuid()}\ngid = {os.getgid()}\nreverse lookup = no\n[m]\npath = {kept}\nread only = no\n")
        daemon = machine.start(
            ["rsync", "--daemon", "--no-detach", "--address=127.0.0.1", f"--port={port}", f"--config={config}"],
            stdout=subprocess.DEVNULL,
        )
        try:
            machine.wait_until_listening(port)
            taken = {}
            for step, ends in (
                ("up", [source + "/", f"rsync://127.0.0.1:{port}/m/"]),
                ("down", [f"rsync://127.0.0.1:{port}/m/", back + "/"]),
            ):
                begin = time.perf_counter()
                subprocess.run(["rsync", "-a", "--fsync", *ends], check=True, timeout=machine.PATIENCE_SECONDS)
                taken[step] = (time.perf_counter() - begin) * 1000
            if len(os.listdir(back)) != len(os.listdir(source)):
                raise RuntimeError("rsync did not bring every file back")
            return taken
        finally:
            machine.stop(daemon)
            shutil.rmtree(folder, ignore_errors=True)


class SyncthingNode:
    """One Syncthing that talks to nobody but a node on loopback that it is told of."""

    KEY = "bench"

    def __init__(self, folder):
        self.home, self.shared = os.path.join(folder, "home"), os.path.join(folder, "shared")
        os.makedirs(self.shared)
        environment = os.environ | {"STNODEFAULTFOLDER": "1", "STNOUPGRADE": "1"}
        subprocess.run(
            ["syncthing", "generate", f"--home={self.home}", "--no-default-folder"],
            env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60,
        )  # fmt: skip
        self.port, self.gui = machine.free_port(), machine.free_port()
        self.environment = environment
        self.path = os.path.join(self.home, "config.xml")
        self.id = next(d.get("id") for d in xml.parse(self.path).getroot().iter("device"))

    def join(self, other):
        """Writes the whole configuration: this node, the other one, one folder that both share."""
        tree = xml.parse(self.path)
        root = tree.getroot()
        options = {
            "listenAddress": f"tcp://127.0.0.1:{self.port}", "globalAnnounceEnabled": "false",
            "localAnnounceEnabled": "false", "relaysEnabled": "false", "natEnabled": "false",
            "startBrowser": "false", "urAccepted": "-1", "crashReportingEnabled": "false",
            "autoUpgradeIntervalH": "0", "reconnectionIntervalS": "1",
        }  # fmt: skip
        node = root.find("options")
        for name, value in options.items():
            for old in node.findall(name):
                node.remove(old)
            xml.SubElement(node, name).text = value
        gui = root.find("gui")
        gui.find("address").text = f"127.0.0.1:{self.gui}"
        gui.find("apikey").text = self.KEY
        for old in root.findall("device") + root.findall("folder"):
            root.remove(old)
        folder = xml.SubElement(
            root, "folder", id="m", path=self.shared, type="sendreceive", rescanIntervalS="0", fsWatcherEnabled="false"
        )
        for one in (self, other):
            device = xml.SubElement(root, "device", id=one.id, name=one.id[:7])
            xml.SubElement(device, "address").text = f"tcp://127.0.0.1:{one.port}"
            xml.SubElement(folder, "device", id=one.id)
        tree.write(self.path)

    def start(self):
        self.process = machine.start(
            ["syncthing", "serve", f"--home={self.home}", "--no-browser", "--no-restart", "--logfile=-"],
            env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        machine.wait_until_listening(self.gui)

    def ask(self, method, path):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.gui}/rest/{path}", method=method, headers={"X-API-Key": self.KEY}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text.strip() else None

    def until(self, path, done, seconds=60):
        end = time.monotonic() + seconds
        while not done(self.ask("GET", path)):
            if time.monotonic() > end:
                raise RuntimeError(f"Syncthing did not get so far in {seconds} s: {path}")
            time.sleep(0.01)


class Syncthing:
    """Two nodes; the time is from telling the first to scan until the second has every byte."""

    @staticmethod
    def is_there():
        return shutil.which("syncthing") is not None

    @staticmethod
    def run(folder, source):
        shutil.rmtree(folder, ignore_errors=True)
        a, b = (SyncthingNode(os.path.join(folder, name)) for name in "ab")
        a.join(b)
        b.join(a)
        total = sum(os.path.getsize(os.path.join(source, name)) for name in os.listdir(source))
        started = []
        try:
            for node in (a, b):
                node.start()
                started.append(node)
            for one, other in ((a, b), (b, a)):
                one.until("system/connections", lambda told: told["connections"].get(other.id, {}).get("connected"))
                one.until("db/status?folder=m", lambda told: told["state"] == "idle")
            shutil.copytree(source, a.shared, dirs_exist_ok=True)
            begin = time.perf_counter()
            a.ask("POST", "db/scan?folder=m")
            b.until("db/status?folder=m", lambda told: told["inSyncBytes"] >= total and told["needBytes"] == 0)
            return {"up": (time.perf_counter() - begin) * 1000}
        finally:
            for node in started:
                machine.stop(node.process)
            shutil.rmtree(folder, ignore_errors=True)


PEERS = {"rsync --fsync": Rsync, "Syncthing": Syncthing}

#!/usr/bin/env python3
"""Bumble's virtual controllers, each on a TCP port of this machine: bumble_air.py PORT…

Prints `ready` when all listen, ends when standard input is closed.
"""

import asyncio
import sys

from bumble.controller import Controller
from bumble.link import LocalLink
from bumble.transport import open_transport


async def serve(ports):
    link = LocalLink()
    controllers = []
    for i, port in enumerate(ports):
        transport = await open_transport("tcp-server:127.0.0.1:%s" % port)
        # No public address: Bumble routes ACL data by random addresses only.
        controllers.append(Controller("node-%d" % i, host_source=transport.source,
                                      host_sink=transport.sink, link=link))
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(serve(sys.argv[1:]))

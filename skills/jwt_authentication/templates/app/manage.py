"""Tasks for whoever operates the app.

python -m app.manage promote ada@example.com    make this account an administrator
"""

import argparse
import asyncio
import sys

from sqlalchemy import update

from app.core.config import Settings, get_settings
from app.core.database import create_engine, create_session_factory
from app.models.user import User


async def promote(email: str, settings: Settings) -> bool:
    """Give the account with this email the role `admin`. False: there is no such account."""
    engine = create_engine(settings)
    try:
        async with create_session_factory(engine)() as db:
            statement = update(User).where(User.email == email.strip().lower()).values(role="admin").returning(User.id)
            promoted = await db.scalar(statement)
            await db.commit()
    finally:
        await engine.dispose()
    return promoted is not None


def main() -> int:
    """Run the task that the command line names; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m app.manage", description="Tasks for whoever operates the app.")
    tasks = parser.add_subparsers(required=True, metavar="TASK")
    task = tasks.add_parser("promote", help="make an account an administrator")
    task.add_argument("email", help="the account's email")
    email: str = parser.parse_args().email
    if asyncio.run(promote(email, get_settings())):
        sys.stdout.write(f"{email} is an administrator now.\n")
        return 0
    sys.stderr.write(f"No account has the email {email}. Register it first.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())

"""Accounts and sessions."""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.exceptions import Unauthorized
from app.core.passwords import hash_password, needs_rehash, verify_password
from app.models.user import User
from app.schemas.auth import RegisterRequest


async def register(db: AsyncSession, data: RegisterRequest) -> User:
    """Return the new account.

    Raises:
        IntegrityError: The email, or another value that must be unique, is taken.
    """
    columns = data.model_dump(exclude={"password"}, by_alias=False)
    user = User(**columns, hashed_password=await hash_password(data.password))
    db.add(user)
    await db.commit()
    return user


async def authenticate(db: AsyncSession, email: str, password: str) -> User:
    """Return the account with this email and password.

    Raises:
        Unauthorized: No such account, or another password: the answer and the time it takes are the same.
    """
    user = await db.scalar(select(User).where(User.email == email))
    if not await verify_password(password, user.hashed_password if user else None) or user is None:
        raise Unauthorized("The email or the password is wrong.")
    if needs_rehash(user.hashed_password):
        user.hashed_password = await hash_password(password)
        await db.commit()
        await db.refresh(user)
    return user


async def end_sessions(db: AsyncSession, user: User) -> None:
    """Make every token issued to `user` so far invalid, on every device."""
    await db.execute(update(User).where(User.id == user.id).values(token_version=User.token_version + 1))
    await db.commit()

"""Incidents: many tickets on one matter within minutes, told by rule."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from psa_copilot.models import Ref, Ticket
from psa_copilot.store.tables import ClusterMemberRow, ClusterRow, TicketRow

WINDOW = timedelta(minutes=15)
LASTS = timedelta(hours=24)
"""Without another ticket for so long, the matter is over for its members."""
TICKETS, CLIENTS = 5, 3
MODEL_CALLS = 10


class Incidents:
    """Clusters and their members within one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def saw(self, ticket: Ticket, matters: Sequence[str]) -> ClusterRow | None:
        """A ticket has come, about one of these matters; returns the incident that it belongs to or that it makes."""
        for matter in matters:
            self._note(ticket, matter)
            cluster = self._running(ticket, matter) or self._made(ticket, matter)
            if cluster is not None:
                return cluster
        return None

    def of(self, ref: Ref, now: datetime) -> ClusterRow | None:
        """The incident that a ticket is a member of, while it goes on: its first ticket is open and speaks for it."""
        query = select(ClusterMemberRow).where(
            ClusterMemberRow.connection == ref.connection,
            ClusterMemberRow.ticket == ref.remote_id,
            col(ClusterMemberRow.cluster_id).is_not(None),
        )
        member = self._session.exec(query).first()
        cluster = self._session.get(ClusterRow, member.cluster_id) if member else None
        return cluster if cluster is not None and self._goes_on(cluster, now) else None

    def _goes_on(self, cluster: ClusterRow, now: datetime) -> bool:
        parent = self._session.get(TicketRow, (cluster.connection, cluster.parent))
        speaks = parent is not None and parent.is_open and not parent.merged_into and parent.deleted_at is None
        return speaks and now - cluster.last_at < LASTS

    def members(self, cluster: ClusterRow) -> list[str]:
        """Remote ids of the tickets of an incident, oldest first."""
        query = select(ClusterMemberRow.ticket).where(ClusterMemberRow.cluster_id == cluster.id)
        return list(self._session.exec(query.order_by(col(ClusterMemberRow.opened_at))))

    def called_model(self, cluster: ClusterRow, calls: int) -> None:
        """Count calls of a model for an incident."""
        cluster.model_calls += calls
        self._session.add(cluster)

    def _note(self, ticket: Ticket, matter: str) -> None:
        key = (ticket.ref.connection, ticket.ref.remote_id, matter)
        if self._session.get(ClusterMemberRow, key) is None:
            self._session.add(
                ClusterMemberRow(
                    connection=ticket.ref.connection,
                    ticket=ticket.ref.remote_id,
                    matter=matter,
                    company_id=ticket.company_id,
                    opened_at=ticket.opened_at,
                )
            )
            self._session.flush()

    def _running(self, ticket: Ticket, matter: str) -> ClusterRow | None:
        query = select(ClusterRow).where(
            ClusterRow.connection == ticket.ref.connection,
            ClusterRow.matter == matter,
            col(ClusterRow.last_at) >= ticket.opened_at - WINDOW,
            col(ClusterRow.began_at) <= ticket.opened_at + WINDOW,
        )
        cluster = self._session.exec(query.order_by(col(ClusterRow.id).desc())).first()
        if cluster is not None:
            cluster.last_at = max(cluster.last_at, ticket.opened_at)
            self._join(cluster, self._near(ticket, matter))
        return cluster

    def _made(self, ticket: Ticket, matter: str) -> ClusterRow | None:
        near = self._near(ticket, matter)
        clients = {member.company_id for member in near if member.company_id}
        if len(near) < TICKETS and len(clients) < CLIENTS:
            return None
        cluster = ClusterRow(
            connection=ticket.ref.connection,
            matter=matter,
            parent=min(near, key=lambda member: (member.opened_at, member.ticket)).ticket,
            began_at=min(member.opened_at for member in near),
            last_at=max(member.opened_at for member in near),
        )
        self._session.add(cluster)
        self._session.flush()
        self._join(cluster, near)
        return cluster

    def _near(self, ticket: Ticket, matter: str) -> list[ClusterMemberRow]:
        query = select(ClusterMemberRow).where(
            ClusterMemberRow.connection == ticket.ref.connection,
            ClusterMemberRow.matter == matter,
            col(ClusterMemberRow.opened_at) > ticket.opened_at - WINDOW,
            col(ClusterMemberRow.opened_at) <= ticket.opened_at + WINDOW,
        )
        return list(self._session.exec(query))

    def _join(self, cluster: ClusterRow, members: Sequence[ClusterMemberRow]) -> None:
        self._session.add(cluster)
        for member in members:
            if member.cluster_id is None:
                member.cluster_id = cluster.id
                self._session.add(member)

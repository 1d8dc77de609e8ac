# Runs a private PostgreSQL, and a Redis and a PgBouncer where they are asked for, for as long as its standard input stays open. Whoever started it holds the other
# end, so that the servers stop with it however it ends, even by kill -9.
trap '' INT TERM HUP

"$POSTGRES" -D "$DIR/postgres" -p "$PG_PORT" $PG_OPTIONS >>"$DIR/postgres.log" 2>&1 </dev/null &
children=$!
if [ -n "$REDIS" ]; then
    "$REDIS" "$DIR/redis.conf" >>"$DIR/redis.log" 2>&1 </dev/null &
    children="$children $!"
fi
if [ -n "$POOLER" ]; then
    "$POOLER" "$DIR/pgbouncer.ini" >>"$DIR/pgbouncer.log" 2>&1 </dev/null &
    children="$children $!"
fi

read -r _

# The process that a pid file names, if it still is one of ours. PostgreSQL may have been killed and started again
# by somebody else meanwhile.
ours() {
    pid=$(head -n 1 "$1" 2>/dev/null)
    [ -n "$pid" ] && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q "$2" && echo "$pid"
}
postgres=$(ours "$DIR/postgres/postmaster.pid" "$DIR/postgres")
redis=$(ours "$DIR/redis.pid" redis-server)
pooler=$(ours "$DIR/pgbouncer.pid" pgbouncer)
[ -n "$pooler" ] && kill -KILL "$pooler"
[ -n "$postgres" ] && kill -INT "$postgres"
[ -n "$redis" ] && kill -TERM "$redis"
tenths=0
while [ $tenths -lt 60 ]; do
    { [ -n "$postgres" ] && kill -0 "$postgres"; } 2>/dev/null || { [ -n "$redis" ] && kill -0 "$redis"; } 2>/dev/null || break
    sleep 0.1
    tenths=$((tenths + 1))
done
[ -n "$postgres" ] && kill -QUIT "$postgres" 2>/dev/null
[ -n "$redis" ] && kill -KILL "$redis" 2>/dev/null
# Whose pid file is gone, since somebody removes the folder already, is known as a child.
{ [ -n "$postgres" ] && { [ -z "$REDIS" ] || [ -n "$redis" ]; }; } || kill -KILL $children 2>/dev/null
wait
[ -n "$REMOVE" ] && rm -rf "$DIR"
exit 0

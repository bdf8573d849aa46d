"""SQL of the user tables, one query per table or per bucket of users.

`features.tables.feature_tables` fills in the parameters in braces, runs the queries and documents the timestamps.
"""

from typing import Final

PROFILE: Final = """
    select user_id, age, birth_date, club_member_status, fashion_news_frequency, postal_code, fashion_news, active,
           {first} as event_timestamp, {first} as created_timestamp
    from users order by user_id
"""

# Prices are summed as decimals: a sum of floats would depend on the order in which threads finish.
ACTIVITY: Final = """
    with daily as (
        select user_id, day + 1 as day, count(*) as purchases, sum(exact_price) as spend,
               min(purchased_at) as first_at, max(purchased_at) as last_at
        from dated_purchases where hash(user_id) % {buckets} = {bucket} group by all
    ), timeline as (
        select user_id, day, sum(purchases) as purchases, sum(spend) as spend, min(first_at) as first_at,
               max(last_at) as last_at
        from (
            select * from daily
            union all by name
            select user_id, day + window_ends.days as day, 0 as purchases, 0 as spend
            from daily, (values ({week}), ({month})) as window_ends(days)
        )
        where day <= {horizon} group by all
    )
    select user_id,
           sum(purchases) over last_week as purchases_7d,
           sum(purchases) over last_month as purchases_28d,
           sum(purchases) over ever as purchases_total,
           count(first_at) over ever as active_days_total,
           (sum(spend) over last_month)::float as spend_28d,
           (sum(spend) over ever / sum(purchases) over ever)::float as mean_price,
           min(first_at) over ever as first_purchase_at,
           max(last_at) over ever as last_purchase_at,
           {stamp} as event_timestamp, {stamp} as created_timestamp
    from timeline
    window ever as (partition by user_id order by day),
           last_week as (partition by user_id order by day range between {week} - 1 preceding and current row),
           last_month as (partition by user_id order by day range between {month} - 1 preceding and current row)
    order by event_timestamp, user_id
"""

# A purchase is the latest one of its item from the next day until the day after the item is bought again (a span). Only
# days after a purchase have a row, so `mornings.day` is the day after the user's last purchase.
#
# The lists of all days are quadratic in a history's length. They are collected and sorted as integers: each span has a
# position in the order of all spans, which `list_select` maps to items. Lists of strings take twice as long.
BOUGHT_ITEMS: Final = """
    with latest as (
        select user_id, item_id, day + 1 as day, max(purchased_at) as purchased_at, count(*) as purchases
        from dated_purchases where hash(user_id) % {buckets} = {bucket} group by all
    ), spans as materialized (
        select *, lead(day, 1, 2147483647) over of_item as until, (sum(purchases) over of_item)::integer as bought,
               ((day - min(day) over of_item) / greatest(count(*) over of_item - 1, 1))::float as gap,
               (row_number() over (order by purchased_at, item_id desc, user_id))::integer as position
        from latest window of_item as (partition by user_id, item_id order by day)
    ), mornings as (
        select distinct user_id, day from latest
    ), histories as (
        select mornings.user_id, mornings.day, list_reverse_sort(list(position))[:{length}] as positions
        from mornings join spans
          on spans.user_id = mornings.user_id and spans.day <= mornings.day and mornings.day < spans.until
        group by mornings.user_id, mornings.day
    ), lists as (
        select list(item_id order by position) as items, list(bought order by position) as counts,
               list(day order by position) as days, list(gap order by position) as gaps
        from spans
    )
    select user_id,
           list_select(items, positions) as bought_items,
           list_select(counts, positions) as bought_counts,
           [day - last for last in list_select(days, positions)] as bought_days,
           list_select(gaps, positions) as bought_gaps,
           {stamp} as event_timestamp, {stamp} as created_timestamp
    from histories, lists order by event_timestamp, user_id
"""

# All items of users with more purchases than a list of bought items holds. A list for each day would be quadratic in a
# history's length. So each item counts once a day, and there is a row only where the running count passes a multiple of
# `length`: after it fewer than `length` items were bought until the next row, and the list of bought items holds these.
EARLIER_ITEMS: Final = """
    with latest as (
        select distinct user_id, item_id, day + 1 as day from dated_purchases
        where user_id in (select user_id from dated_purchases group by user_id having count(*) >= {length})
    ), daily as (
        select user_id, day, count(*) as items, sum(count(*)) over (partition by user_id order by day) as total
        from latest group by user_id, day
    ), snapshots as (
        select user_id, day from daily where total // {length} > (total - items) // {length}
    ), firsts as (
        select user_id, item_id, min(day) as day from latest group by user_id, item_id
    )
    select user_id, list(item_id order by item_id) as earlier_items,
           {stamp} as event_timestamp, {stamp} as created_timestamp
    from (
        select user_id, item_id, snapshots.day as day from snapshots join firsts using (user_id)
        where firsts.day <= snapshots.day
    )
    group by user_id, day order by event_timestamp, user_id
"""
RECENT_ITEMS: Final = """
    select user_id,
           bought_items[:{length}] as recent_items,
           bought_counts[:{length}] as recent_counts,
           bought_days[:{length}] as recent_days,
           event_timestamp, created_timestamp
    from {bought}
"""

# Windows end at the user's last purchase, which is on the day before each row: they do not change while the user buys
# nothing. As above, integers stand for items: the high digits hold the position of an item's last purchase and the low
# digits both counts, so that one sort orders all three.
LATELY_ITEMS: Final = """
    with latest as (
        select user_id, item_id, day + 1 as day, max(purchased_at) as purchased_at, count(*) as purchases
        from dated_purchases where hash(user_id) % {buckets} = {bucket} group by all
    ), daily as materialized (
        select *, row_number() over (order by purchased_at, item_id desc, user_id) as position from latest
    ), mornings as (
        select distinct user_id, day from daily
    ), windows as (
        select mornings.user_id, mornings.day, max(position) as position, sum(purchases) as in_quarter,
               coalesce(sum(purchases) filter (where daily.day > mornings.day - {month}), 0) as in_month
        from mornings join daily
          on daily.user_id = mornings.user_id and daily.day <= mornings.day and daily.day > mornings.day - {quarter}
        group by mornings.user_id, mornings.day, daily.item_id
    ), histories as (
        select user_id, day,
               list_reverse_sort(list((
                   position * 100000000 + least(in_month, 9999) * 10000 + least(in_quarter, 9999)
               )::bigint))[:{length}] as encoded
        from windows group by user_id, day
    ), lists as (
        select list(item_id order by position) as items from daily
    )
    select user_id,
           list_select(items, [number // 100000000 for number in encoded]) as lately_items,
           [number // 10000 % 10000 for number in encoded] as lately_counts_28d,
           [number % 10000 for number in encoded] as lately_counts_91d,
           {stamp} as event_timestamp, {stamp} as created_timestamp
    from histories, lists order by event_timestamp, user_id
"""

# The running count of a category is valid from the day after a purchase until the day after the next one (a span). The
# left join keeps the days of users whose items have no category. As above, integers stand for categories: the high
# digits of a taste hold the count, the low digits the category's position in reverse alphabetical order.
TASTES: Final = """
    with categories as materialized (
        select category, row_number() over (order by category desc) as position
        from (
            select product_type_name as category from items
            union select garment_group_name from items
            union select department_name from items
        )
        where category is not null
    ), item_categories as (
        unpivot (
            select item_id, product_type_name as product_type, garment_group_name as garment_group,
                   department_name as department
            from items
        ) on product_type, garment_group, department into name kind value category
    ), daily as (
        select user_id, day + 1 as day, kind, position, count(*) as purchases
        from dated_purchases join item_categories using (item_id) join categories using (category)
        where hash(user_id) % {buckets} = {bucket} group by all
    ), spans as (
        select user_id, day, kind, lead(day, 1, 2147483647) over of_category as until,
               (sum(purchases) over of_category)::bigint * 1000000000 + position as taste
        from daily window of_category as (partition by user_id, kind, position order by day)
    ), mornings as (
        select distinct user_id, day + 1 as day from dated_purchases where hash(user_id) % {buckets} = {bucket}
    ), tastes as (
        select mornings.user_id, mornings.day,
               coalesce(list(taste) filter (where kind = 'product_type'), []) as product_types,
               coalesce(list(taste) filter (where kind = 'garment_group'), []) as garment_groups,
               coalesce(list(taste) filter (where kind = 'department'), []) as departments
        from mornings left join spans
          on spans.user_id = mornings.user_id and spans.day <= mornings.day and mornings.day < spans.until
        group by mornings.user_id, mornings.day
    ), best as (
        select user_id, day,
               list_reverse_sort(product_types)[:{length}] as product_types,
               list_reverse_sort(garment_groups)[:{length}] as garment_groups,
               list_reverse_sort(departments)[:{length}] as departments
        from tastes
    ), lists as (
        select coalesce(list(category order by position), []) as names from categories
    )
    select user_id,
           list_select(names, [taste % 1000000000 for taste in product_types]) as product_types,
           [taste // 1000000000 for taste in product_types] as product_type_counts,
           list_select(names, [taste % 1000000000 for taste in garment_groups]) as garment_groups,
           [taste // 1000000000 for taste in garment_groups] as garment_group_counts,
           list_select(names, [taste % 1000000000 for taste in departments]) as departments,
           [taste // 1000000000 for taste in departments] as department_counts,
           {stamp} as event_timestamp, {stamp} as created_timestamp
    from best, lists order by event_timestamp, user_id
"""

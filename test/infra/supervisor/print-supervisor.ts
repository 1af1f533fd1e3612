/** What each command does first: finds or starts the supervisor of its working folder, and tells its pid. */
import { ensureSupervisor, stopSupervisor } from '../../../infra/supervisor/supervise.ts';

if (process.argv[2] === 'stop') await stopSupervisor();
else console.log((await ensureSupervisor()).process.pid);

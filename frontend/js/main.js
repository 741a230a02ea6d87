import './components/app.js';
import { loadMessages } from './core/messages.js';
import { session } from './models/session.js';

loadMessages('shell', 'create', 'job').then(() => session.load());
